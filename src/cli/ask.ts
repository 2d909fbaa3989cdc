import { createInterface } from 'node:readline/promises'
import type { Frame } from './frame.js'
import { UsageError } from './usage-error.js'

/**
 * Asks on the terminal; anything but `y` or `yes` is no.
 *
 * @throws {UsageError} Where there is no terminal: nobody could answer.
 */
export async function ask(frame: Frame, question: string): Promise<boolean> {
  const { stdin, stderr } = frame
  if (stdin.isTTY !== true) throw new UsageError(`${question} There is nobody to be asked: say --yes`)
  const lines = createInterface({ input: stdin, output: stderr })
  try {
    return /^y(es)?$/i.test((await lines.question(`${question} [y/N] `)).trim())
  } finally {
    lines.close()
  }
}
