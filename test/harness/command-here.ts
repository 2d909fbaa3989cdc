import { EventEmitter } from 'node:events'
import { Readable, Writable } from 'node:stream'
import { CommandFrame, type World } from '../../src/cli/command-frame.js'
import { runCommand } from '../../src/cli/program.js'

/** How a command ended, and all it said. */
export interface EndedHere {
  readonly status: number
  readonly out: string
  readonly err: string
}

/**
 * Runs a command line within this process: for what a command says and does. That it is a program, with streams and signals of its own, is tested on the
 * built one (millrace-command.ts), which takes a second a call.
 */
export async function commandHere(
  args: readonly string[],
  { cwd, env = {}, input = '' }: { readonly cwd: string; readonly env?: Readonly<Record<string, string>>; readonly input?: string },
): Promise<EndedHere> {
  const [stdout, stderr] = [new Said(), new Said()]
  const signals = new EventEmitter()
  const world = {
    stdin: Readable.from([input]),
    stdout,
    stderr,
    env: { PATH: process.env['PATH'], ...env },
    on: signals.on.bind(signals),
    off: signals.off.bind(signals),
    cwd: () => cwd,
  }
  const status = await runCommand(args, new CommandFrame(world as unknown as World))
  return { status, out: stdout.text, err: stderr.text }
}

class Said extends Writable {
  private readonly chunks: Buffer[] = []

  get text(): string {
    return Buffer.concat(this.chunks).toString()
  }

  override _write(chunk: Buffer, _encoding: string, done: () => void): void {
    this.chunks.push(chunk)
    done()
  }
}
