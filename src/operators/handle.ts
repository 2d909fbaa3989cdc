import type { Envelope } from '../core/envelope.js'
import { MillraceError } from '../core/errors.js'
import type { Operator } from '../core/operator.js'
import { option, resolveOptions } from '../core/options.js'
import { EnvelopeContext, type RecordContext } from '../core/record-context.js'
import { Handling } from './handling.js'
import { mustBeFunction } from './result.js'
import type { Given } from './transform.js'
import { workOperator } from './work-operator.js'

/** How `handle` works on its records. */
export interface HandleOptions<In> {
  /** How many records are worked on at once. Default 1. */
  readonly concurrency?: number
  /**
   * In what order results go out. `'source'` (default): as the records came; a finished one waits for older ones. `'key'`: one record of a key
   * at a time, in order; a slow key holds no other, and records without a key have no order. `'none'`: as they are finished.
   */
  readonly order?: 'source' | 'key' | 'none'
  /** With order `'key'`: the key, in place of the record's own. Null has no order. */
  readonly key?: (value: In) => string | null
}

/**
 * Works on each value with a function that may take time: calls to a database, an HTTP service, a file.
 *
 * A throw or rejection fails that record with stage `handle` and holds no other; `return context.skip(reason)` skips it; no result fails it with
 * `MILL_RESULT_MISSING`. A function that returns no promise costs none.
 *
 * An error that is `retryable` (a server that is away) is not the record's: it keeps its place and the function is called again, with the next
 * `attempt` and growing pauses, for as long as it takes. What waits behind is bounded by the run's window. When the run is aborted,
 * `context.signal` is too, and whatever the function still gives or throws is dropped: the record comes again.
 *
 * @throws {MillraceError} `MILL_OPTION_INVALID`, `MILL_OPTION_UNKNOWN` at definition.
 */
export function handle<In, Out extends {} | null>(
  fn: (value: In, context: RecordContext) => Out | Promise<Out>,
  options: HandleOptions<In> = {},
): Operator<In, Given<Out>> {
  mustBeFunction('handle', fn)
  const { concurrency, order, key } = resolveOptions<Resolved<In>>('handle', options, {
    concurrency: option.wholeNumber(1, { default: 1 }),
    order: option.oneOf(['source', 'key', 'none'], { default: 'source' }),
    key: option.function({ optional: true }),
  })
  if (key !== undefined && order !== 'key') {
    throw new MillraceError('MILL_OPTION_INVALID', {
      where: 'handle',
      option: 'key',
      expected: `left out unless order is 'key'`,
      given: `order '${order}'`,
    })
  }
  return workOperator<In, Given<Out>>(
    'handle',
    out =>
      new Handling<In, Given<Out>>(
        {
          stage: 'handle',
          run: (record, attempt) => fn(record.value, new EnvelopeContext(record, attempt)),
          concurrency,
          order,
          keyOf: key === undefined ? ownKey : record => key(record.value),
        },
        out,
      ),
  )
}

const ownKey = (record: Envelope<unknown>): string | null => record.key

type Resolved<In> = Required<Pick<HandleOptions<In>, 'concurrency' | 'order'>> & Pick<HandleOptions<In>, 'key'>
