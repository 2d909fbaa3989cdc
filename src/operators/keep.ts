import { type Operator, recordOperator } from '../core/operator.js'
import { EnvelopeContext, type RecordContext, SkipReason } from '../core/record-context.js'
import { abandon, isThenable, mustBeFunction, resultMissing } from './result.js'

/**
 * Lets go on what the predicate holds for, and skips the rest: unlike RxJS's `filter`, which would leave their receipts open.
 *
 * A throw fails that record. So does a predicate that returns nothing or a promise: either would pass or drop every record in silence.
 *
 * @param reason - Under which the others are counted. Default `'not kept'`; a predicate may give its own by `return context.skip(reason)`.
 */
export function keep<In, Out extends In>(predicate: (value: In) => value is Out, reason?: string): Operator<In, Out>
export function keep<In>(predicate: (value: In, context: RecordContext) => boolean, reason?: string): Operator<In, In>
export function keep<In>(predicate: (value: In, context: RecordContext) => unknown, reason = 'not kept'): Operator<In, In> {
  mustBeFunction('keep', predicate)
  return recordOperator('keep', out => {
    const contextOf = EnvelopeContext.forCallsOf(predicate)
    return record => {
      const result = predicate(record.value, contextOf(record))
      if (result === true) return out.next(record)
      if (result === false) return record.skip(reason)
      if (result instanceof SkipReason) return record.skip(result.reason)
      if (result === undefined || isThenable(result)) {
        if (isThenable(result)) abandon(result)
        return record.fail(resultMissing('keep', result, 'true or false'), 'keep')
      }
      if (result) out.next(record)
      else record.skip(reason)
    }
  })
}
