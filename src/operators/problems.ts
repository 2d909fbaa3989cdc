import { MillraceError } from '../core/errors.js'

/** What is wrong with one place of a value. */
export interface Problem {
  /** A JSON pointer (RFC 6901): `/items/0/sku`; `''` is the value itself. */
  readonly path: string
  readonly message: string
}

/** A list of a million wrong items must not become an error of a million lines. */
const MAX_PROBLEMS = 100

/** The error of a value that does not fit its schema, with every place that is wrong: up to 100, and how many more there are. */
export function valueInvalid(problems: readonly Problem[]): MillraceError {
  const more = problems.length - MAX_PROBLEMS
  const listed = more > 0 ? [...problems.slice(0, MAX_PROBLEMS), { path: '', message: `has ${more} more problems` }] : problems
  return new MillraceError('MILL_VALUE_INVALID', { problems: listed })
}

/** A JSON pointer to a place, given by the keys and indexes that lead there. */
export function pointerTo(steps: readonly unknown[]): string {
  return steps.map(step => `/${String(step).replaceAll('~', '~0').replaceAll('/', '~1')}`).join('')
}
