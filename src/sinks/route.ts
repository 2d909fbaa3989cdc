import type { RouteSink } from '../core/fit.js'
import { composedSink, type SinksByName } from './compose/composed-sink.js'

/**
 * Sends each record to one of several sinks: the steps give `{ to: 'name', row }`, and each row is checked against its own sink.
 *
 * At most one of the sinks keeps a ledger; it is written last, with all covers. Batches are bounded by the narrowest of their bounds.
 *
 * @throws {MillraceError} `MILL_OPTION_INVALID` without a sink or with two ledgers. A record whose `to` names no sink fails with `MILL_ROUTE_UNKNOWN`.
 */
export function route<const M extends SinksByName>(sinks: M): RouteSink<M> {
  const sink = composedSink('route', sinks, {
    isManyfold: false,
    rowsOf(value, names) {
      const { to, row } = (value ?? {}) as { to?: unknown; row?: unknown }
      return typeof to === 'string' && names.includes(to) ? [[to, row]] : undefined
    },
  })
  return sink as RouteSink<M>
}
