import type { Pipeline } from '../runtime/pipeline.js'
import type { RestartPolicy } from '../runtime/supervisor-restarts.js'

/**
 * What each ready-made pipeline takes, by the name that `use` gives it. Empty here: every `*-kind.ts` of src/pipelines adds its own, so that an
 * editor completes the options of the one that is used.
 */
export interface KindOptions {}

/** A ready-made pipeline with its options. */
export type PipelineOfKind = { readonly [K in keyof KindOptions]: { readonly use: K } & KindOptions[K] }[keyof KindOptions]

/** The options of all ready-made pipelines, by name. */
type KindKeys = { [K in keyof KindOptions]: keyof KindOptions[K] }[keyof KindOptions]

/** A pipeline of a module: its default export is a pipeline, or a {@link PipelineFactory}. */
export type PipelineOfModule = {
  /** A path relative to the config file (`./pipelines/orders.ts`), or the name of an installed package. */
  readonly use: string
  /** What the module's function gets. Texts are interpolated; nothing else is checked. */
  readonly options?: Readonly<Record<string, unknown>>
} & {
  // Or a ready-made pipeline with a wrong option would pass for one of these, whose `use` may be any text.
  readonly [K in Exclude<KindKeys, 'use' | 'options'>]?: never
}

/** What a module may export instead of a pipeline. */
export type PipelineFactory = (
  options: Readonly<Record<string, unknown>>,
  context: {
    /** The pipeline's name in the config, which it must bear. */
    readonly name: string
    /** Where the config file lies. */
    readonly directory: string
  },
) => Pipeline | Promise<Pipeline>

/** Where health and metrics are served. */
export interface MonitoringConfig {
  /** Default `'127.0.0.1'`. */
  readonly host?: string
  /** 0 takes any that is free. Default 9464. */
  readonly port?: number
}

/** What is logged, and how. */
export interface LogConfig {
  /** Default `'info'`. */
  readonly level?: 'debug' | 'info' | 'warn' | 'error' | 'silent'
  /** `lines` for people, `json` for machines; `auto` is lines on a terminal. Default `'auto'`. */
  readonly format?: 'auto' | 'json' | 'lines'
}

/** How a pipeline that failed is started again: what `supervise` takes as `restart`. */
export type RestartConfig = Partial<RestartPolicy>

/** What a config file holds. */
export interface Config {
  /** Where editors find the schema of the config; not looked at. */
  readonly $schema?: string
  /** By name: a ready-made pipeline, one of a module, or (in code) a pipeline itself, which must bear the name it stands under. */
  readonly pipelines: { readonly [name: string]: PipelineOfKind | PipelineOfModule | Pipeline }
  /** Health and metrics over HTTP. Default: no server. */
  readonly monitoring?: MonitoringConfig
  readonly log?: LogConfig
  readonly restart?: RestartConfig
  /** How many pipelines run at a time; the others wait for their turn, in the order of the file. Default: all. */
  readonly concurrently?: number
  /** What is said after a run: where the rows are, and how to look at them. */
  readonly hints?: readonly string[]
}

/** The config with its defaults, and with the values in the place of `${…}`. */
export interface ResolvedConfig {
  readonly pipelines: { readonly [name: string]: { readonly use: string; readonly [option: string]: unknown } | Pipeline }
  /** Left out: no server. */
  readonly monitoring?: Required<MonitoringConfig>
  readonly log: Required<LogConfig>
  readonly restart?: RestartConfig
  readonly concurrently?: number
  readonly hints: readonly string[]
}

/** Gives a config back as it is: for its types, and what an editor completes. */
export function defineConfig(config: Config): Config {
  return config
}
