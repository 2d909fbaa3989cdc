import { MillraceError } from '../core/errors.js'

/** One thing that is wrong in a config. No secret is in it. */
export interface Problem {
  /** `pipelines.signups.table.columns.id`, `pipelines.orders.from.brokers[0]`; `''` is the whole config. */
  readonly path: string
  /** What may stand there. */
  readonly expected: string
  /** What stands there, shortened; `nothing` where a key is missing. */
  readonly given: string
  /** What was most likely meant. */
  readonly suggestion?: string
}

/** A config that cannot be used, with everything that is wrong in it. */
export class ConfigError extends MillraceError<'MILL_CONFIG_INVALID'> {
  constructor(
    readonly file: string,
    readonly problems: readonly Problem[],
    options: { readonly cause?: unknown } = {},
  ) {
    super('MILL_CONFIG_INVALID', { file, problems: problems.map(problemText) }, options)
  }
}

/** A problem in one line: `pipelines.signups.tabel: expected …, got …; did you mean table?`. */
export function problemText({ path, expected, given, suggestion }: Problem): string {
  return `${path === '' ? 'the config' : path}: expected ${expected}, got ${given}${suggestion ? `; did you mean ${suggestion}?` : ''}`
}
