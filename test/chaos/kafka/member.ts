import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { createInterface } from 'node:readline'
import { LISTENING, type Report } from './task.js'

/** A member of the group in a process of its own. */
export class Member {
  /** How it ended. */
  readonly ended: Promise<{ readonly code: number | null; readonly signal: string | null }>
  /** Whether the test ended it: a member that ends by itself is a fault. */
  isDismissed = false
  hasEnded = false
  /** The most of what it said of itself. */
  readonly most: { -readonly [what in keyof Report]: number } = { inFlight: 0, inFlightBytes: 0, rss: 0 }
  /** What it said last. */
  last: Report = { inFlight: 0, inFlightBytes: 0, rss: 0 }
  private readonly child: ChildProcess
  private readonly listening: Promise<unknown>
  private said = ''

  constructor(
    program: string,
    readonly number: number,
    task: object,
  ) {
    const env = { ...process.env, MILLRACE_CHAOS: JSON.stringify(task), KAFKAJS_NO_PARTITIONER_WARNING: '1' }
    this.child = spawn(process.execPath, ['--enable-source-maps', program], { env, stdio: ['pipe', 'pipe', 'pipe'] })
    this.child.stdin!.on('error', () => {})
    this.child.stderr!.on('data', (chunk: Buffer) => {
      this.said = (this.said + chunk).slice(-16_384)
    })
    this.listening = new Promise<void>(resolve => {
      createInterface({ input: this.child.stdout! }).on('line', line => {
        if (line === LISTENING) resolve()
        else this.note(line)
      })
    })
    this.ended = once(this.child, 'close').then(([code, signal]) => {
      this.hasEnded = true
      return { code, signal }
    })
  }

  /** The last 16 kB of its log. */
  get log(): string {
    return `member ${this.number}:\n${this.said}`
  }

  kill(): void {
    this.isDismissed = true
    this.child.kill('SIGKILL')
    // One that is frozen is killed as well; its pipes are closed when it is gone.
    this.child.kill('SIGCONT')
  }

  /** Lets it leave the group, with all it holds written and committed. */
  async leave(): Promise<void> {
    this.isDismissed = true
    const overdue = setTimeout(() => this.kill(), 40_000)
    await Promise.race([this.listening, this.ended])
    this.child.kill('SIGTERM')
    const { code, signal } = await this.ended
    clearTimeout(overdue)
    if (code !== 0) throw new Error(`it should have stopped, and ended with ${signal ?? code}: ${this.log}`)
  }

  /** Writes a line to its standard input. */
  tell(line: string): void {
    this.child.stdin!.write(`${line}\n`)
  }

  /** Stops its time: its connections stay. */
  freeze(): void {
    this.child.kill('SIGSTOP')
  }

  thaw(): void {
    this.child.kill('SIGCONT')
  }

  private note(line: string): void {
    if (!line.startsWith('{"inFlight"')) return
    const { most } = this
    this.last = JSON.parse(line) as Report
    for (const what of Object.keys(most) as (keyof Report)[]) most[what] = Math.max(most[what], this.last[what])
  }
}
