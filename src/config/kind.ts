import type { Pipeline } from '../runtime/pipeline.js'

/** A ready-made pipeline as the config knows it: what `use` names. */
export interface PipelineKind {
  /** What `use` says. */
  readonly name: string
  /** What it does, in one sentence. */
  readonly summary: string
  /** JSON Schema (draft-07) of its options, an object that takes no other keys; each key with its description and, where it has one, its default. */
  readonly schema: object
  /**
   * Makes the pipeline and opens nothing. `options` fit the schema and have its defaults.
   *
   * @throws {ConfigError} With all that is wrong, its paths relative to the options.
   */
  make(name: string, options: Readonly<Record<string, unknown>>, context: MakeContext): Promise<Pipeline>
}

/** What a kind knows of the config. */
export interface MakeContext {
  /** Where the config file lies: what paths in the options are relative to. */
  readonly directory: string
  /**
   * Whether something is known to be wrong at an option or within it (`table`, `table.columns`). Then the pipeline cannot be made; what does not hang
   * on that option may be, for what else is wrong. Left out where nothing is.
   */
  readonly isWrong?: (option: string) => boolean
}
