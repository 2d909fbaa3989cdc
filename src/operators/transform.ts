import { type Operator, recordOperator } from '../core/operator.js'
import { EnvelopeContext, type RecordContext, type Skipped } from '../core/record-context.js'
import { abandon, give, isThenable, mustBeFunction, resultMissing } from './result.js'

/** What a function given to `transform` or `handle` makes of its record, when it does not skip it. */
export type Given<Out> = Exclude<Awaited<Out>, Skipped>
/** In words, why a promise does not fit where a value must be. */
export type NotPromise<Out> = [Extract<Out, PromiseLike<unknown>>] extends [never]
  ? unknown
  : 'transform is synchronous: use handle for a promise'

/**
 * Makes each value another one, synchronously. Order is kept.
 *
 * A throw fails that record with stage `transform`; `return context.skip(reason)` skips it. Returning nothing, or a promise in spite of the
 * types, fails the record with `MILL_RESULT_MISSING`: use `handle` for what takes time.
 */
export function transform<In, Out extends {} | null>(
  fn: (value: In, context: RecordContext) => Out & NotPromise<Out>,
): Operator<In, Given<Out>> {
  mustBeFunction('transform', fn)
  return recordOperator('transform', out => {
    const contextOf = EnvelopeContext.forCallsOf(fn)
    return record => {
      const result: unknown = fn(record.value, contextOf(record))
      if (isThenable(result)) {
        abandon(result)
        record.fail(resultMissing('transform', result), 'transform')
      } else give('transform', record, result, out)
    }
  })
}
