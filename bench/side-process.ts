import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import type { Measured, Options } from './figure.js'
import type { SideMessage } from './side.js'

const program = fileURLToPath(new URL('./side.js', import.meta.url))

/** A side in a process of its own, as the bench sees it. */
export class SideProcess {
  private constructor(
    private readonly name: string,
    private readonly child: ChildProcess,
  ) {}

  /** Resolves when it is ready to run. */
  static async start(id: string, name: string, setting: unknown, options: Options): Promise<SideProcess> {
    // Its stdout must not get between the lines of --json.
    const child = fork(program, [id, name, JSON.stringify(setting ?? null), JSON.stringify(options)], {
      execArgv: process.execArgv.filter(arg => arg.startsWith('--cpu-prof')),
      stdio: ['ignore', process.stderr, process.stderr, 'ipc'],
    })
    const side = new SideProcess(`${id}, side ${name}`, child)
    await side.answer()
    return side
  }

  /** Measures once. */
  async run(): Promise<Measured> {
    const answer = this.answer()
    this.child.send('run')
    const message = await answer
    if (message.is !== 'measured') throw new Error(`${this.name} said ${message.is}`)
    return message.value
  }

  /** Lets it close what it opened, and waits until the process is gone. */
  async close(): Promise<void> {
    if (this.child.exitCode !== null || this.child.signalCode !== null) return
    const exited = once(this.child, 'exit')
    this.child.send('close')
    await exited
  }

  private answer(): Promise<SideMessage> {
    return new Promise((resolve, reject) => {
      const onMessage = (message: SideMessage) => {
        this.child.off('exit', onExit)
        if (message.is === 'failed') reject(new Error(`${this.name} failed: ${message.error}`))
        else resolve(message)
      }
      const onExit = (status: number | null, signal: string | null) => {
        this.child.off('message', onMessage)
        reject(new Error(`${this.name} ended with ${signal ?? `exit status ${status}`}`))
      }
      this.child.once('message', onMessage)
      this.child.once('exit', onExit)
    })
  }
}
