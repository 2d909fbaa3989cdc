import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import { figure, within } from '../figure.js'

const program = fileURLToPath(new URL('../parts/first-record.js', import.meta.url))

/** From before the process is started until it says something, or has ended where it says nothing. */
async function lifeOf(args: readonly string[], expected: string): Promise<number> {
  const begun = performance.now()
  let said = 0
  const child = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'inherit'] })
  let output = ''
  child.stdout.setEncoding('utf8').on('data', chunk => {
    said ||= performance.now()
    output += chunk
  })
  const [status] = await once(child, 'close')
  const ended = performance.now()
  if (status !== 0 || output !== expected) throw new Error(`node ${args.join(' ')} ended with ${status} and said ${JSON.stringify(output)}`)
  return (said || ended) - begun
}

export const startFirstRecord = figure({
  what: 'a process from its start until one record is in a memory sink, against the whole life of node -e 0',
  unit: 'ms',
  sides: {
    ours: () => ({ run: () => lifeOf([program], '1 record\n') }),
    node: () => ({ run: () => lifeOf(['-e', '0'], '') }),
  },
  runs: 15,
  warmUps: 2,
  comparisons: [{ ours: 'ours', limit: 'node', goal: within(400, 'ms') }],
})
