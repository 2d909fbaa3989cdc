import { randomUUID } from 'node:crypto'
import type { Envelope } from '../core/envelope.js'
import { MillraceError } from '../core/errors.js'
import { option, resolveOptions } from '../core/options.js'
import type { Batch, BatchLimits, Sink, SinkContext, SinkSession, TableSink } from '../core/sink.js'
import { type BatchQuarantine, failureStatement, isBatchQuarantine } from '../drivers/postgres/batch-quarantine.js'
import { type Database, databaseScope, isEmbedded, openDatabase } from '../drivers/postgres/database.js'
import type { DatabaseSession } from '../drivers/postgres/database-session.js'
import { literal } from '../drivers/postgres/literals.js'
import { prepareTable } from '../tables/prepare-table.js'
import type { RowOf, Table } from '../tables/table.js'
import { type TableCodec, tableCodec } from '../tables/table-codec.js'
import { BatchWriter } from './postgres/batch-writer.js'
import { applicationName, FormerOwners } from './postgres/former-owners.js'
import { Ledger, prepareLedger } from './postgres/ledger.js'
import { ledgerBooks } from './postgres/ledger-books.js'
import { describeSink, inspectSink, type SinkFacts } from './postgres/tell.js'
import { type WriteMode, WriteSql } from './postgres/write-sql.js'

// Records of 16 KB are written as fast in batches of 2 MiB as of 4, and the window, the copies and what is left of them to collect are half as large:
// 30 MB less at the peak (bench memory.stalled).
const BATCH = { maxRecords: 5_000, maxBytes: 2 * 1024 * 1024 }

/** What every mode takes. */
export interface PostgresSinkLimits {
  /** Transactions under way at a time. Default 2 on a server, 1 embedded and where rows are overwritten under a ledger. */
  readonly maxConcurrentWrites?: number
  /** When a batch is written. Default 5,000 records, 2 MiB, 100 ms. */
  readonly batch?: Partial<BatchLimits>
  /** How long a write waits for a lock before it goes again, in ms. Default 5,000. */
  readonly lockTimeoutMs?: number
  /** How long the ledger remembers the ids of a 'single' source, in ms. Default 7 days. */
  readonly keepSeenMs?: number
}

/** How rows meet those that are there; which choices there are hangs on the table's key. */
export type PostgresSinkOptions<C, Key extends keyof C> = PostgresSinkLimits &
  ([Key] extends [never]
    ?
        | { readonly mode: 'append'; readonly ledger?: boolean }
        | { readonly mode: 'upsert' | 'update'; readonly 'the table has no key: table(name, columns, { key })': never }
    :
        | { readonly mode: 'append'; readonly ledger: true; readonly onDuplicate?: 'ignore' | 'quarantine' }
        | { readonly mode: 'append'; readonly ledger?: false; readonly onDuplicate: 'ignore' | 'quarantine' }
        | { readonly mode: 'upsert' | 'update'; readonly ledger?: boolean; readonly merge?: readonly Exclude<keyof C, Key>[] })

interface AnyOptions extends PostgresSinkLimits {
  readonly mode: 'append' | 'upsert' | 'update'
  readonly ledger: boolean
  readonly onDuplicate?: 'ignore' | 'quarantine'
  readonly merge?: readonly string[]
  readonly maxConcurrentWrites: number
  readonly lockTimeoutMs: number
  readonly keepSeenMs: number
}

/**
 * Writes rows into one table of Postgres, on a server or embedded.
 *
 * - `append` adds rows. Where the table has a key and no ledger is kept, `onDuplicate` says what becomes of a record that comes again.
 * - `upsert` adds rows, or sets the `merge` columns (default: all but the key) of those that are there. Of one key the last wins.
 * - `update` sets them and adds none.
 *
 * With `ledger: true` the positions of the records are written in the same transaction, fenced against a former owner: each record's rows are there
 * exactly once. Without it, at least once.
 *
 * Values are checked against the columns before they are sent (`MILL_COLUMN_VALUE`, `MILL_COLUMN_UNKNOWN`); a row that only the server refuses fails
 * alone with `MILL_DATABASE_REFUSED`, which has SQLSTATE and constraint.
 *
 * @throws {MillraceError} `MILL_OPTION_INVALID`, `MILL_OPTION_UNKNOWN` when called. Opening throws `MILL_TABLE_MISSING` and `MILL_TABLE_MISMATCH`, which
 * name the column, and `MILL_DATABASE_AWAY` (retryable).
 */
export function postgresSink<C, Key extends keyof C>(
  database: Database,
  table: Table<C, Key>,
  options: PostgresSinkOptions<C, Key>,
): TableSink<RowOf<C>> {
  const codec = tableCodec(table)
  const where = `postgresSink ${table.name}`
  const resolved = resolve(where, options, codec, isEmbedded(database))
  const overwrites = resolved.mode !== 'append'
  const needsLanes = overwrites && !resolved.ledger && resolved.maxConcurrentWrites > 1
  const how = modeOf(codec, resolved)
  const facts: SinkFacts = {
    database,
    codec,
    how,
    ledger: resolved.ledger,
    maxConcurrentWrites: resolved.maxConcurrentWrites,
    isStaged: new WriteSql(codec, how).isStaged,
  }
  const sink: Sink<RowOf<C>> = {
    name: `postgres ${table.name}`,
    batch: { ...BATCH, ...resolved.batch },
    maxConcurrentWrites: resolved.maxConcurrentWrites,
    ledger: resolved.ledger,
    overwrites,
    scope: databaseScope(database),
    ...(needsLanes && { lane: (record: Envelope<RowOf<C>>) => codec.conflictKey(record.value) ?? '' }),
    open: context => open(database, table, codec, resolved, context),
    ...(resolved.ledger && { ledgerBooks: ledgerBooks(database) }),
    describe: () => describeSink(facts),
    inspect: context => inspectSink(facts, context),
  }
  return sink as TableSink<RowOf<C>>
}

function resolve(where: string, options: object, codec: TableCodec, embedded: boolean): AnyOptions {
  const { key, definition } = codec
  const optional = [...definition.columns.keys()].filter(name => !key.includes(name))
  const given = resolveOptions<AnyOptions>(where, options, {
    mode: option.oneOf(['append', 'upsert', 'update']),
    ledger: option.boolean({ default: false }),
    onDuplicate: option.oneOf(['ignore', 'quarantine'], { optional: true }),
    merge: option.matching(
      `a list of columns out of ${optional.join(', ')}`,
      value => Array.isArray(value) && value.every(name => optional.includes(name)),
      { optional: true },
    ),
    maxConcurrentWrites: option.wholeNumber(1, { optional: true }),
    batch: option.object('an object of batch limits', { optional: true }),
    lockTimeoutMs: option.wholeNumber(1, { default: 5_000 }),
    keepSeenMs: option.wholeNumber(1, { default: 7 * 86_400_000 }),
  } as never)
  const invalid = (name: string, expected: string, value: string) =>
    new MillraceError('MILL_OPTION_INVALID', { where, option: name, expected, given: value })
  const isAppend = given.mode === 'append'
  if (!isAppend && key.length === 0) throw invalid('mode', `'append': the table has no key`, given.mode)
  if (isAppend && given.merge !== undefined) throw invalid('merge', `left out where mode is 'append'`, given.merge.join(', '))
  if (!isAppend && given.onDuplicate !== undefined)
    throw invalid('onDuplicate', `left out where mode is '${given.mode}'`, given.onDuplicate)
  if (isAppend && key.length > 0 && !given.ledger && given.onDuplicate === undefined)
    throw invalid('onDuplicate', `'ignore' or 'quarantine': without a ledger a record may come again`, 'nothing')
  // Under a ledger, transactions of one partition commit in any order: an older value could stay.
  const isAlone = embedded || (!isAppend && given.ledger)
  const { maxConcurrentWrites = isAlone ? 1 : 2 } = given
  if (isAlone && maxConcurrentWrites > 1)
    throw invalid(
      'maxConcurrentWrites',
      embedded ? '1: an embedded database has one connection' : '1: rows are overwritten under a ledger',
      `${maxConcurrentWrites}`,
    )
  return { ...given, maxConcurrentWrites }
}

async function open<Row, C, Key extends keyof C>(
  database: Database,
  table: Table<C, Key>,
  codec: TableCodec,
  options: AnyOptions,
  context: SinkContext,
): Promise<SinkSession<Row>> {
  const session = await openDatabase(database)
  try {
    await prepareTable(session, table)
    if (options.ledger) await prepareLedger(session, options.keepSeenMs)
    return startSession(session, codec, options, context, databaseScope(database))
  } catch (error) {
    await session.close()
    throw error
  }
}

function startSession<Row>(
  session: DatabaseSession,
  codec: TableCodec,
  options: AnyOptions,
  context: SinkContext,
  scope: object,
): SinkSession<Row> {
  const owner = randomUUID()
  const { pipeline, quarantine } = context
  const formerOwners = new FormerOwners(owner)
  const ledger = options.ledger ? new Ledger(pipeline, owner, formerOwners, options.keepSeenMs) : null
  const settings = connectionSettings(options, ledger === null ? 'millrace' : applicationName(owner))
  const same: BatchQuarantine | null = isBatchQuarantine(quarantine, scope) ? quarantine : null
  const writer = new BatchWriter({
    session,
    owner,
    codec,
    how: modeOf(codec, options),
    ledger,
    formerOwners,
    settings,
    failureStatement: same === null ? null : failures => same[failureStatement](failures, pipeline),
  })
  return {
    ...(ledger !== null && {
      takeOver: (source: string, partition: string, mark: string | null) =>
        session.withConnection(async connection => {
          await connection.prepare('settings', settings)
          return ledger.takeOver(session, connection, source, partition, mark)
        }),
    }),
    check: (record: Envelope<Row>) => codec.checkRow(record.value),
    write: (batch: Batch<Row>, signal: AbortSignal) => writer.write(batch, signal),
    close: () => session.close(),
  }
}

function modeOf({ definition, key }: TableCodec, { mode, onDuplicate, merge }: AnyOptions): WriteMode {
  return { mode, onDuplicate, merge: merge ?? [...definition.columns.keys()].filter(name => !key.includes(name)) }
}

/** A server ends a connection whose client is gone after half a minute, not after the two hours that TCP waits by itself. */
function connectionSettings({ lockTimeoutMs }: AnyOptions, name: string): string {
  return `set application_name = ${literal(name)}; set lock_timeout = ${lockTimeoutMs};
set tcp_keepalives_idle = 10; set tcp_keepalives_interval = 5; set tcp_keepalives_count = 4`
}
