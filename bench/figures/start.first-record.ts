import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import { figure, milliseconds, within } from '../figure.js'

const program = fileURLToPath(new URL('../parts/first-record.js', import.meta.url))

/** From before the process is started until it has ended. */
function lifeOf(args: readonly string[], expected: string): Promise<number> {
  return milliseconds(async () => {
    const child = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'inherit'] })
    let output = ''
    child.stdout.setEncoding('utf8').on('data', chunk => {
      output += chunk
    })
    const [status] = await once(child, 'close')
    if (status !== 0 || output !== expected)
      throw new Error(`node ${args.join(' ')} ended with ${status} and said ${JSON.stringify(output)}`)
  })
}

export const startFirstRecord = figure({
  what: 'a process from its start until one record is in a memory sink and it has ended, against node -e 0',
  unit: 'ms',
  sides: {
    ours: () => ({ run: () => lifeOf([program], '1 record\n') }),
    node: () => ({ run: () => lifeOf(['-e', '0'], '') }),
  },
  runs: 15,
  warmUps: 2,
  comparisons: [{ ours: 'ours', limit: 'node', goal: within(400, 'ms') }],
})
