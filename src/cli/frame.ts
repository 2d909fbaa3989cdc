import { type Logger, silentLog } from '../core/log.js'
import type { Pipeline } from '../runtime/pipeline.js'

/** What commands use of the config; src/config makes it. */
export interface LoadedConfig {
  readonly file: string
  readonly directory: string
  readonly config: {
    readonly log?: { readonly level?: string; readonly format?: string }
    readonly monitoring?: { readonly host: string; readonly port: number }
    readonly restart?: object
    readonly hints?: readonly string[]
  }
  readonly secrets: readonly string[]
  readonly names: readonly string[]
  pipeline(name: string): Promise<Pipeline>
}

/**
 * What a command has of the world: its streams, its environment, the config. A command reads nothing of `process` itself.
 *
 * Results go to `stdout`, all else through `say` or the log to `stderr`. An action that throws ends with the error shown and the status of its
 * class ({@link statusOf}); `UsageError` ends with 2.
 */
export interface Frame {
  readonly stdin: NodeJS.ReadStream
  readonly stdout: NodeJS.WriteStream
  readonly stderr: NodeJS.WriteStream
  readonly env: NodeJS.ProcessEnv
  readonly cwd: string
  /** What `-c, --config` names, before or after the sub-command. */
  readonly configPath: string | undefined
  /** The config of `-c`, else the first `millrace.config.*` upward from `cwd`. Read once; throws a ConfigError (status 78). */
  loadConfig(): Promise<LoadedConfig>
  /** A log on stderr as the config wants it, with its secrets hidden. Call `loadConfig()` before. */
  log(config: LoadedConfig): Logger
  /** Lines for people, on stderr, with the secrets of the loaded config hidden. */
  say(...lines: readonly string[]): void
  /** The status that the process ends with, once there is nothing left to do. The last call wins. */
  exit(status: number): void
}

/** Where a {@link Frame} stands. */
export interface World extends Pick<Frame, 'stdin' | 'stdout' | 'stderr' | 'env' | 'cwd'> {}

/** The frame of one command: `program.ts` sets `configPath`, `main.ts` asks for the status. */
export class CommandFrame implements Frame {
  readonly stdin
  readonly stdout
  readonly stderr
  readonly env
  readonly cwd
  configPath: string | undefined = undefined
  status = 0
  private loaded: Promise<LoadedConfig> | null = null

  constructor(world: World) {
    this.stdin = world.stdin
    this.stdout = world.stdout
    this.stderr = world.stderr
    this.env = world.env
    this.cwd = world.cwd
  }

  loadConfig(): Promise<LoadedConfig> {
    this.loaded ??= Promise.reject(new Error('src/config is not there yet'))
    return this.loaded
  }

  log(_config: LoadedConfig): Logger {
    return silentLog
  }

  say(...lines: readonly string[]): void {
    for (const line of lines) this.stderr.write(`${line}\n`)
  }

  exit(status: number): void {
    this.status = status
  }
}
