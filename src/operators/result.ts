import type { Envelope } from '../core/envelope.js'
import { MillraceError } from '../core/errors.js'
import { shown } from '../core/options.js'
import { SkipReason } from '../core/record-context.js'

/** Sends on what a user's function returned: a value goes to `out`, `context.skip(reason)` skips the record, nothing at all fails it. */
export function give<Out>(stage: string, record: Envelope<unknown>, result: unknown, out: { next(record: Envelope<Out>): void }): void {
  if (result instanceof SkipReason) record.skip(result.reason)
  else if (result === undefined) record.fail(resultMissing(stage, result), stage)
  else out.next(record.with(result as Out))
}

/** The error of a function that gave what its operator cannot use. */
export function resultMissing(stage: string, given: unknown, expected?: string): MillraceError {
  return new MillraceError('MILL_RESULT_MISSING', { stage, given: isThenable(given) ? 'a promise' : shown(given), expected })
}

/** Whether a result takes time: a promise, or what can be awaited like one. It never throws: a getter may. */
export function isThenable(value: unknown): value is PromiseLike<unknown> {
  if (typeof value !== 'object' || value === null) return false
  try {
    return typeof (value as { then?: unknown }).then === 'function'
  } catch {
    return false
  }
}

/** A promise where a value had to be: its rejection is nobody's then, and would end the process. */
export function abandon(promise: PromiseLike<unknown>): void {
  promise.then(undefined, () => {})
}

/** @throws {MillraceError} `MILL_OPTION_INVALID` at definition, so that a missing function is not every record's failure. */
export function mustBeFunction(where: string, fn: unknown, option = 'its function'): void {
  if (typeof fn !== 'function') throw new MillraceError('MILL_OPTION_INVALID', { where, option, expected: 'a function', given: shown(fn) })
}
