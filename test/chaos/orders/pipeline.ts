import {
  type Columns,
  type Database,
  decode,
  definePipeline,
  filesSource,
  handle,
  type Prefix,
  postgresQuarantine,
  postgresSink,
  type SourceOf,
  type SourceSession,
  split,
  table,
  validate,
} from 'millrace'
import { sessionReaching } from '../session-reaching.js'
import { sinkReaching } from '../sink-reaching.js'
import { type Order, rowsOf } from './records.js'
import type { OwnPoint } from './task.js'

const columns = (c: Columns) => ({ order_id: c.bigint(), line: c.integer(), account: c.text(), amount: c.integer() })
const keyed = table('lines', columns, { key: ['order_id', 'line'] })
const keyless = table('lines', columns)

/** The table as the tests make it: with a constraint that only the server knows. */
export const createLines = (
  isKeyed: boolean,
): string => `create table lines (order_id bigint not null, line integer not null, account text not null,
  amount integer not null check (amount >= 0)${isKeyed ? ', primary key (order_id, line)' : ''})`

const orderSchema = {
  type: 'object',
  properties: {
    id: { type: 'integer' },
    account: { type: 'string' },
    kind: { enum: ['good', 'unhandled', 'skipped', 'unfit', 'refused'] },
    amounts: { type: 'array', items: { type: 'integer' } },
  },
  required: ['id', 'account', 'kind', 'amounts'],
  additionalProperties: false,
} as const

/** How {@link ordersPipeline} is made. */
export interface OrdersOptions {
  /** Where the files are. */
  readonly root: string
  readonly isMended: boolean
  /** With a key a second copy of a row meets the first and its locks; without one nothing but the ledger keeps it from standing beside the first. */
  readonly isKeyed: boolean
  /** Called at each point that can be seen from outside of the parts. */
  readonly reached: (point: OwnPoint) => void
}

/**
 * files → decode → validate → handle by key → split → Postgres with a ledger, and quarantine in the same database. The points are reached through the
 * public contracts, by a source, a handler and a sink around the real ones; the product knows nothing of them.
 */
export function ordersPipeline(database: Database, { root, isMended, isKeyed, reached }: OrdersOptions) {
  const how = { mode: 'append', ledger: true, lockTimeoutMs: 500, batch: { maxRecords: 40, maxWaitMs: 20 } } as const
  const sink = isKeyed ? postgresSink(database, keyed, how) : postgresSink(database, keyless, how)
  return definePipeline({
    name: 'orders',
    source: watchedSource(filesSource({ paths: '*', format: 'ndjson', root }), reached),
    steps: records =>
      records.pipe(
        decode('json'),
        validate(orderSchema),
        handle(
          async (given, context) => {
            await Promise.resolve()
            if (given.kind === 'unhandled' && !isMended) throw new Error('the handler refuses it')
            reached('handled')
            return given.kind === 'skipped' ? context.skip('not wanted') : given
          },
          { concurrency: 8, order: 'key', key: given => given.account },
        ),
        split(given => rowsOf(given as Order)),
      ),
    sink: sinkReaching(sink, reached),
    onFailure: postgresQuarantine(database),
  })
}

type Reached = OrdersOptions['reached']
type PrefixSource = SourceOf<Uint8Array, 'prefix', Prefix>

function watchedSource(source: PrefixSource, reached: Reached): PrefixSource {
  return {
    ...source,
    async open(context) {
      const session: SourceSession<Uint8Array, Prefix> = await source.open(context)
      const watched = sessionReaching(session, reached)
      // Few at a time, so that there is much to be killed in.
      return { ...watched, read: (limit, signal) => watched.read({ ...limit, records: Math.min(limit.records, 64) }, signal) }
    },
  }
}
