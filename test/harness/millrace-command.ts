import { type ChildProcess, spawn } from 'node:child_process'
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { spawn as spawnOnTerminal } from '@lydell/node-pty'
import { hiddenIn, seededEnvironment } from './seeded-secrets.js'
import { root } from './source-files.js'

// The built command as its users run it: a process of its own. All it says is searched for secrets, whatever the test is about.

/** The built command (`npm test` builds it first). */
export const millrace = join(root, 'dist/cli/main.js')

/** How the command is run. */
export interface MillraceOptions {
  /** Default: the project's directory, which has no config. */
  readonly cwd?: string
  /** Beside the environment of the test, which loses what would change the command's ways. */
  readonly env?: Readonly<Record<string, string>>
  /** What must not be said, beside the secrets that are in every run's environment. */
  readonly secrets?: readonly string[]
  /** What it reads on its standard input. Default: nothing. */
  readonly input?: string | Uint8Array
  /** Run instead of {@link millrace}: a script that ends in it. */
  readonly script?: string
  /** Arguments of Node. */
  readonly nodeArgs?: readonly string[]
}

/** How a command ended, and all it said. */
export interface MillraceEnded {
  readonly status: number | null
  readonly signal: NodeJS.Signals | null
  readonly out: string
  readonly err: string
}

/** A command that runs. */
export interface MillraceRunning {
  readonly child: ChildProcess
  /** What it has said so far on both streams. */
  said(): string
  /** Resolves when what it said matches; rejects when it ends before, or after `withinMs` (20 s). */
  says(pattern: RegExp, withinMs?: number): Promise<RegExpExecArray>
  readonly ended: Promise<MillraceEnded>
}

/** Starts the command. Await `ended` before the test ends. */
export function startMillrace(args: readonly string[], options: MillraceOptions = {}): MillraceRunning {
  const child = spawn(process.execPath, [...(options.nodeArgs ?? []), scriptOf(options), ...args], {
    cwd: options.cwd ?? root,
    env: environmentOf(options),
    stdio: ['pipe', 'pipe', 'pipe'],
  })
  const said = new Said()
  const out = said.stream()
  const err = said.stream()
  child.stdout.setEncoding('utf8').on('data', (text: string) => out.add(text))
  child.stderr.setEncoding('utf8').on('data', (text: string) => err.add(text))
  child.stdin.on('error', () => {})
  child.stdin.end(options.input ?? '')
  const ended = new Promise<MillraceEnded>((resolve, reject) => {
    child.on('error', reject)
    child.on('close', (status, signal) => {
      said.end()
      const leak = hiddenIn(said.text, options.secrets)
      if (leak !== null) reject(new Error(`millrace ${args.join(' ')} said a secret: ${leak}`))
      else resolve({ status, signal, out: out.text, err: err.text })
    })
  })
  ended.catch(() => {})
  return { child, ended, said: () => said.text, says: (pattern, withinMs) => said.matches(pattern, withinMs) }
}

/** Runs the command to its end. */
export const runMillrace = (args: readonly string[], options: MillraceOptions = {}): Promise<MillraceEnded> =>
  startMillrace(args, options).ended

/** A command on a terminal of its own: a real pseudo-terminal, so its two streams are one. */
export interface MillraceOnTerminal extends Omit<MillraceRunning, 'child' | 'ended'> {
  readonly pid: number
  resize(columns: number, rows: number): void
  type(text: string): void
  kill(signal: NodeJS.Signals): void
  /** Calls the listener with all that it says from now on. */
  onText(listener: (text: string) => void): void
  readonly ended: Promise<{ readonly status: number; readonly text: string }>
}

/** Starts the command on a pseudo-terminal. */
export function startOnTerminal(
  args: readonly string[],
  { columns = 100, rows = 24, ...options }: MillraceOptions & { readonly columns?: number; readonly rows?: number } = {},
): MillraceOnTerminal {
  const terminal = spawnOnTerminal(process.execPath, [...(options.nodeArgs ?? []), scriptOf(options), ...args], {
    cols: columns,
    rows,
    cwd: options.cwd ?? root,
    env: environmentOf({ ...options, env: { TERM: 'xterm-256color', ...options.env } }),
  })
  const said = new Said()
  const all = said.stream()
  terminal.onData(text => all.add(text))
  const ended = new Promise<{ readonly status: number; readonly text: string }>((resolve, reject) => {
    terminal.onExit(({ exitCode }) => {
      said.end()
      const leak = hiddenIn(all.text, options.secrets)
      if (leak !== null) reject(new Error(`millrace ${args.join(' ')} said a secret: ${leak}`))
      else resolve({ status: exitCode, text: all.text })
    })
  })
  ended.catch(() => {})
  return {
    pid: terminal.pid,
    resize: (width, height) => terminal.resize(width, height),
    type: text => terminal.write(text),
    kill: signal => process.kill(terminal.pid, signal),
    onText: listener => void terminal.onData(listener),
    said: () => said.text,
    says: (pattern, withinMs) => said.matches(pattern, withinMs),
    ended,
  }
}

function scriptOf({ script = millrace }: MillraceOptions): string {
  if (!existsSync(script)) throw new Error(`${script} is not there: npm run build`)
  return script
}

function environmentOf({ env = {} }: MillraceOptions): Record<string, string> {
  const kept = Object.entries(process.env).filter(([name]) => !changing.test(name)) as [string, string][]
  return { ...Object.fromEntries(kept), ...seededEnvironment, ...env }
}

/** What would change how the command behaves, or belongs to vitest. */
const changing =
  /^(DATABASE_URL|KAFKA.*|PG[A-Z]+|NO_COLOR|FORCE_COLOR|COLORTERM|NODE_OPTIONS|VITEST.*|VISUAL|EDITOR|npm_.*|COLUMNS|LINES|CI)$/

/** All that was said, in order, with whoever waits for something in it. */
class Said {
  text = ''
  private isOver = false
  private readonly waiting = new Set<() => void>()

  stream(): { text: string; add(text: string): void } {
    const stream = {
      text: '',
      add: (text: string) => {
        stream.text += text
        this.text += text
        this.look()
      },
    }
    return stream
  }

  end(): void {
    this.isOver = true
    this.look()
  }

  matches(pattern: RegExp, withinMs = 20_000): Promise<RegExpExecArray> {
    return new Promise((resolve, reject) => {
      const look = () => {
        const match = pattern.exec(this.text)
        if (match === null && !this.isOver) return
        done()
        if (match !== null) resolve(match)
        else reject(new Error(`it ended and never said ${pattern}; it said:\n${this.text}`))
      }
      const timer = setTimeout(() => {
        done()
        reject(new Error(`it did not say ${pattern} within ${withinMs} ms; it said:\n${this.text}`))
      }, withinMs)
      const done = () => {
        clearTimeout(timer)
        this.waiting.delete(look)
      }
      this.waiting.add(look)
      look()
    })
  }

  private look(): void {
    for (const look of [...this.waiting]) look()
  }
}
