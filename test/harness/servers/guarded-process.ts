import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { createInterface } from 'node:readline'

/**
 * Runs the program given after the directory and the signal, prints its pid, and ends it by that signal when the standard input closes: so nothing is
 * left behind even when the test run itself is killed. Unless told `keep`, it takes the directory with it. It heeds no signal itself: a shell tells of
 * a killed program on a standard error that may be gone with the run.
 */
const GUARD = `
dir=$1; signal=$2; shift 2
"$@" & pid=$!
trap '' PIPE INT HUP TERM
echo "$pid"
read -r word other
[ "$other" ] && signal=$other
kill "-$signal" "$pid" 2>/dev/null
wait "$pid"
[ "$word" = keep ] || rm -rf "$dir"
`

/** What a server's program needs to run under guard. */
export interface Guarded {
  readonly program: readonly string[]
  /** Its working directory, which goes with it. */
  readonly directory: string
  /** What ends it. A program that `sh` starts in the background ignores INT, unless it asks for it as Postgres does. */
  readonly endBy: 'INT' | 'KILL'
  readonly owner?: Owner | null
}

/** The user that a program runs as. */
export interface Owner {
  readonly uid: number
  readonly gid: number
}

/** A server's process that does not outlive the test run. */
export class GuardedProcess {
  private readonly exited: Promise<unknown>
  private said = ''

  private constructor(
    private readonly guard: ChildProcess,
    readonly pid: number,
  ) {
    this.exited = guard.exitCode === null ? once(guard, 'exit') : Promise.resolve()
  }

  static async start({ program, directory, endBy, owner }: Guarded): Promise<GuardedProcess> {
    const guard = spawn('/bin/sh', ['-c', GUARD, 'sh', directory, endBy, ...program], { ...owner, cwd: directory })
    let early = ''
    const keepEarly = (chunk: Buffer) => {
      early += chunk
    }
    guard.stderr.on('data', keepEarly)
    const lines = createInterface({ input: guard.stdout })
    const [pid] = await once(lines, 'line')
    lines.close()
    const started = new GuardedProcess(guard, Number(pid))
    guard.stderr.off('data', keepEarly)
    started.listen(early)
    return started
  }

  private listen(early: string): void {
    this.said = early
    const keep = (chunk: Buffer) => {
      this.said = (this.said + chunk).slice(-8_192)
    }
    this.guard.stderr!.on('data', keep)
    this.guard.stdout!.on('data', keep).resume()
  }

  /** The last 8 kB that the program printed. */
  get output(): string {
    return this.said
  }

  /** Ends the program, by its signal or another, and waits until it is gone; `keep` leaves its directory. */
  async dismiss(keep: boolean, signal = ''): Promise<void> {
    this.guard.stdin!.end(keep ? `keep ${signal}\n` : '')
    await this.exited
  }
}
