import { spawn } from 'node:child_process'
import { once } from 'node:events'

/** From before a process of Node is started until it says something, or has ended where it says nothing; in ms. It must say what is expected, and end well. */
export async function lifeOf(args: readonly string[], expected: RegExp): Promise<number> {
  const begun = performance.now()
  let said = 0
  const child = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'ignore'] })
  let output = ''
  child.stdout.setEncoding('utf8').on('data', chunk => {
    said ||= performance.now()
    output += chunk
  })
  const [status] = await once(child, 'close')
  const ended = performance.now()
  if (status !== 0 || !expected.test(output))
    throw new Error(`node ${args.join(' ')} ended with ${status} and said ${JSON.stringify(output)}`)
  return (said || ended) - begun
}

/** A process that does nothing. */
export const lifeOfNode = (): Promise<number> => lifeOf(['-e', '0'], /^$/)
