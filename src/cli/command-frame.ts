import type { LoadedConfig } from '../config/load-config.js'
import type { Logger } from '../core/log.js'
import type { ConfigWish, Frame } from './frame.js'
import type { makeLog } from './log.js'
import { UsageError } from './usage-error.js'

/** Where a command runs. */
export type World = Pick<NodeJS.Process, 'stdin' | 'stdout' | 'stderr' | 'env' | 'on' | 'off'> & { cwd(): string }

/** The parts that are loaded with the config. */
interface Loaded {
  readonly config: LoadedConfig
  readonly makeLog: typeof makeLog
}

/** The frame of one command: `program.ts` sets `configPath`, `main.ts` asks for the status. */
export class CommandFrame implements Frame {
  readonly stdin
  readonly stdout
  readonly stderr
  readonly env
  readonly cwd
  configPath: string | undefined = undefined
  status = 0
  private readonly loads = new Map<string, Promise<Loaded>>()
  private loaded: Loaded | null = null
  private redacting: {
    readonly ofEnvironment: readonly string[]
    redactText(text: string, secrets?: readonly string[]): string
    redact<T>(value: T, secrets?: readonly string[]): T
  } | null = null
  /** Where lines for people go as entries, when the log is JSON. */
  private jsonLog: Logger | null = null
  private above: ((write: () => void) => void) | null = null

  constructor(private readonly world: World) {
    this.stdin = world.stdin
    this.stdout = world.stdout
    this.stderr = world.stderr
    this.env = world.env
    this.cwd = world.cwd()
  }

  isColoured(stream: NodeJS.WriteStream): boolean {
    return stream.isTTY === true && !this.env['NO_COLOR'] && this.env['TERM'] !== 'dumb'
  }

  async findConfig(): Promise<string> {
    const { findConfig } = await import('../config/find-config.js')
    return findConfig(this.cwd, this.configPath)
  }

  async loadConfig(wish: ConfigWish = {}): Promise<LoadedConfig> {
    const key = JSON.stringify(wish)
    const loading = this.loads.get(key) ?? this.load(wish)
    this.loads.set(key, loading)
    this.loaded = await loading
    return this.loaded.config
  }

  hide(text: string): string {
    // Nothing of a config is said before the part that hides is there. A config in code that throws while it is loaded knows the environment's.
    return this.redacting === null ? text : this.redacting.redactText(text, this.loaded?.config.secrets ?? this.redacting.ofEnvironment)
  }

  /** Loads what hides secrets: for errors before there is a config. */
  async beReadyToHide(): Promise<void> {
    if (this.redacting !== null) return
    const [{ redactText }, { redact }, { secretsOfEnvironment }] = await Promise.all([
      import('../config/redact-text.js'),
      import('../config/redact.js'),
      import('../config/find-secrets.js'),
    ])
    this.redacting = { redactText, redact, ofEnvironment: secretsOfEnvironment(this.env) }
  }

  log(config: LoadedConfig): Logger {
    const { loaded, redacting } = this
    if (loaded === null || redacting === null) throw new Error('loadConfig() comes before log()')
    const { level, format } = config.config.log
    const isJson = format === 'json' || (format === 'auto' && this.stderr.isTTY !== true)
    const log = loaded.makeLog({
      level,
      format: isJson ? 'json' : 'lines',
      isColoured: this.isColoured(this.stderr),
      hide: text => redacting.redactText(text, config.secrets),
      hideIn: fields => redacting.redact(fields, config.secrets),
      write: line => this.toStderr(line),
    })
    this.jsonLog = isJson ? log : null
    return log
  }

  print(text: string): void {
    if (this.above !== null && this.stdout.isTTY) this.above(() => this.stdout.write(text))
    else this.stdout.write(text)
  }

  say(...lines: readonly string[]): void {
    this.tell('info', lines)
  }

  complain(...lines: readonly string[]): void {
    this.tell('error', lines)
  }

  writeThrough(above: ((write: () => void) => void) | null): void {
    this.above = above
  }

  onSignal(listener: (signal: NodeJS.Signals) => void): () => void {
    for (const signal of signals) this.world.on(signal, listener)
    return () => {
      for (const signal of signals) this.world.off(signal, listener)
    }
  }

  exit(status: number): void {
    this.status = status
  }

  private tell(level: 'info' | 'error', lines: readonly string[]): void {
    if (this.jsonLog === null) for (const line of lines) this.toStderr(`${this.hide(line)}\n`)
    else if (lines.some(line => line !== '')) this.jsonLog[level](lines.join('\n').trim())
  }

  private toStderr(text: string): void {
    if (this.above === null) this.stderr.write(text)
    else this.above(() => this.stderr.write(text))
  }

  private async load(wish: ConfigWish): Promise<Loaded> {
    const [{ loadConfig }, { kinds }, { makeLog }, file] = await Promise.all([
      import('../config/load-config.js'),
      import('../pipelines/kinds.js'),
      import('./log.js'),
      this.findConfig(),
      this.beReadyToHide(),
    ])
    const config = await loadConfig(file, { kinds, env: this.env, ...wish })
    await this.refuseUnknown(config, wish.only ?? [])
    return { config, makeLog }
  }

  /** A name that is not there is a slip in the command, not in the config. */
  private async refuseUnknown({ file, names }: LoadedConfig, wanted: readonly string[]): Promise<void> {
    const unknown = wanted.find(name => !names.includes(name))
    if (unknown === undefined) return
    const [{ readConfig }, { nearest }] = await Promise.all([import('../config/read-config.js'), import('../core/options.js')])
    const known = Object.keys(((await readConfig(file)) as { readonly pipelines?: object } | null)?.pipelines ?? {})
    const meant = nearest(unknown, known)
    throw new UsageError(
      `there is no pipeline ${unknown} in ${file}${meant === undefined ? ` (there are: ${known.join(', ')})` : `; did you mean ${meant}?`}`,
    )
  }
}

const signals = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const
