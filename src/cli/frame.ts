import type { LoadedConfig } from '../config/load-config.js'
import type { Logger } from '../core/log.js'

/** What of the config a command needs. */
export interface ConfigWish {
  /** Only these pipelines are interpolated and checked: what the others lack does not matter. Default: all. */
  readonly only?: readonly string[]
  /** Whether each pipeline is made too, which imports its modules. Nothing is opened. Default true. */
  readonly make?: boolean
}

/**
 * What a command has of the world: its streams, its environment, the config. A command reads nothing of `process` itself.
 *
 * Results go to `stdout` by `print`, all else by `say` or the log to `stderr`. An action that throws ends with the error shown and the status of
 * its class (`statusOf`); a `UsageError` ends with 2.
 */
export interface Frame {
  readonly stdin: NodeJS.ReadStream
  readonly stdout: NodeJS.WriteStream
  readonly stderr: NodeJS.WriteStream
  readonly env: NodeJS.ProcessEnv
  readonly cwd: string
  /** What `-c, --config` names, before or after the sub-command. */
  readonly configPath: string | undefined
  /** Whether what is written to the stream may be coloured: a terminal, and the environment does not say `NO_COLOR`. */
  isColoured(stream: NodeJS.WriteStream): boolean
  /** The path of the config: that of `-c`, else of the first `millrace.config.*` upward from `cwd`. */
  findConfig(): Promise<string>
  /** Reads and checks the config; `names` are checked to be there. Throws a ConfigError with all problems (status 78), or a UsageError. */
  loadConfig(wish?: ConfigWish): Promise<LoadedConfig>
  /** Hides the secrets of the config that was loaded, and what looks like one. */
  hide(text: string): string
  /** A log on stderr as the config wants it, with its secrets hidden. Call `loadConfig()` before. */
  log(config: LoadedConfig): Logger
  /** Result data, on stdout, as it is. */
  print(text: string): void
  /** Lines for people, on stderr, with the secrets of the loaded config hidden. Where the log is JSON, an entry of it. */
  say(...lines: readonly string[]): void
  /** As `say`, of what went wrong: where the log is JSON, an entry of level `error`. */
  complain(...lines: readonly string[]): void
  /** While something is drawn in place on the terminal: what writes text above it. Null: nothing is. */
  writeThrough(above: ((write: () => void) => void) | null): void
  /** Calls the listener at each SIGINT, SIGTERM and SIGHUP, which then do not end the process. Returns what takes it off. */
  onSignal(listener: (signal: NodeJS.Signals) => void): () => void
  /** The status that the process ends with, once there is nothing left to do. The last call wins. */
  exit(status: number): void
}
