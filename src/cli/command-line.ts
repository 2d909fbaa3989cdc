import { CommandFrame } from './command-frame.js'
import { fail, runCommand } from './program.js'

/** Runs the command of this process, and sets its exit status. */
export async function runCommandLine(args: readonly string[]): Promise<void> {
  for (const stream of [process.stdout, process.stderr]) {
    // Whoever reads has seen enough (`millrace print-config | head`), or the terminal is gone.
    stream.on('error', (error: NodeJS.ErrnoException) => {
      if (error.code !== 'EPIPE' && error.code !== 'EIO') throw error
    })
  }
  const frame = new CommandFrame(process)
  // What a custom operator throws out of RxJS arrives here. Node would show it with its stack, and whatever secret is in it.
  process.on('uncaughtException', error => {
    frame.writeThrough(null)
    void fail(error, frame).finally(() => process.exit(1))
  })
  process.exitCode = await runCommand(args, frame)
}
