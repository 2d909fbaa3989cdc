import type { FanOutSink } from '../core/fit.js'
import { composedSink, type SinksByName } from './compose/composed-sink.js'

/**
 * Gives each of several sinks its own row of every record: the steps give `{ a: rowA, b: rowB }` for `fanOut({ a, b })`.
 *
 * A record is delivered when all have it. At most one of the sinks keeps a ledger; it is written last, with all covers; a retry repeats only what has
 * not succeeded. Where one sink refuses a row the record goes to quarantine, although others may have theirs.
 *
 * @throws {MillraceError} `MILL_OPTION_INVALID` without a sink or with two ledgers. A record without a row for each fails with `MILL_ROUTE_UNKNOWN`.
 */
export function fanOut<const M extends SinksByName>(sinks: M): FanOutSink<M> {
  const sink = composedSink('fanOut', sinks, {
    isManyfold: true,
    rowsOf(value, names) {
      if (typeof value !== 'object' || value === null || !names.every(name => Object.hasOwn(value, name))) return undefined
      return names.map(name => [name, (value as Record<string, unknown>)[name]] as const)
    },
  })
  return sink as FanOutSink<M>
}
