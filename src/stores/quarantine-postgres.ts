import type { Failure, Quarantine, QuarantinedRecord, QuarantineEntry, QuarantineFilter } from '../core/quarantine.js'
import { type BatchQuarantine, failureStatement } from '../drivers/postgres/batch-quarantine.js'
import { type Database, databaseScope, openDatabase } from '../drivers/postgres/database.js'
import type { DatabaseSession } from '../drivers/postgres/database-session.js'
import { inspectDatabase } from '../drivers/postgres/inspect-database.js'
import { inspectOwnTable } from '../drivers/postgres/inspect-own-table.js'
import { isMade } from '../drivers/postgres/is-made.js'
import { type EntryJson, entryFromJson } from './entry-json.js'
import { cleanText, insertEntries, insertFailures } from './failure-sql.js'
import { guarded } from './guarded.js'
import { isWanted } from './quarantine-entry.js'
import { hasQuarantineTable, prepareQuarantineTable, QUARANTINE_TABLE, quarantineTableShape } from './quarantine-table.js'

/** A put is cut into statements of about this size. */
const MAX_STATEMENT_BYTES = 8 * 1024 * 1024
/** What a listing holds at a time: entries, and bytes of them. */
const PAGE_ENTRIES = 500
const PAGE_BYTES = 8 * 1024 * 1024

/**
 * Keeps failed records in the table `millrace_quarantine` of a database, made where it is missing.
 *
 * Together with a sink of the same database, failures are written in the transaction of their batch: a record is then delivered or quarantined, never
 * both and never neither. A record that fails again (it came again before its commit, or was replayed) replaces its entry, under a new id. Columns of
 * the table show what is mostly asked for; `entry` holds all of it, as JSON.
 *
 * @throws {MillraceError} `MILL_OPTION_INVALID` for what `postgres()` did not make. In use `MILL_DATABASE_AWAY` (waited for), `MILL_STORE_FAILED`.
 */
export function postgresQuarantine(database: Database): Quarantine {
  const name = `quarantine in ${database.name}`
  const quarantine: BatchQuarantine = {
    name,
    scope: databaseScope(database),
    open: ({ pipeline }) => opened(database, name, pipeline),
    list: (filter = {}) => list(database, name, filter),
    release: ids => using(database, name, 'release', session => release(session, ids)),
    count: atMost => using(database, name, 'count', session => count(session, atMost)),
    describe: () => [`table ${QUARANTINE_TABLE} in database ${database.name}`],
    inspect: context =>
      inspectDatabase(database, context, { look: (queries, user) => inspectOwnTable(queries, user, quarantineTableShape) }),
    restore: entries => using(database, name, 'restore', session => restore(session, entries)),
    [failureStatement]: (failures, pipeline) => insertFailures(failures, pipeline),
  }
  return quarantine
}

async function opened(database: Database, name: string, pipeline: string) {
  const session = await openDatabase(database)
  try {
    await guarded(name, 'open', () => prepareQuarantineTable(session))
  } catch (error) {
    await session.close()
    throw error
  }
  return {
    put: (failures: readonly Failure[]) => guarded(name, 'put', () => put(session, failures, pipeline)),
    close: () => session.close(),
  }
}

async function put(session: DatabaseSession, failures: readonly Failure[], pipeline: string): Promise<void> {
  // Repeating is harmless, so each statement may commit by itself.
  for (const some of parts(failures)) await session.message(insertFailures(some, pipeline))
}

async function restore(session: DatabaseSession, entries: readonly QuarantinedRecord[]): Promise<void> {
  await prepareQuarantineTable(session)
  for (const some of parts(entries)) await session.message(insertEntries(some))
}

function* parts<T extends Pick<Failure, 'raw'>>(failures: readonly T[]): Generator<readonly T[]> {
  for (let from = 0; from < failures.length; ) {
    let to = from
    for (let bytes = 0; to < failures.length && (to === from || bytes + failures[to]!.raw.byteLength <= MAX_STATEMENT_BYTES); to++) {
      bytes += failures[to]!.raw.byteLength
    }
    yield failures.slice(from, to)
    from = to
  }
}

interface StoredRow {
  readonly id: string
  readonly raw: Uint8Array
  readonly rawSha256: string | null
  readonly at: Date
  readonly entry: string
}

/** Of the index on the ids alone, as far as the bound: counting a table of millions takes seconds. */
async function count(session: DatabaseSession, atMost: number): Promise<number> {
  if (!(await hasQuarantineTable(session))) return 0
  const { rows } = await session.query<{ readonly entries: number }>(
    `select count(*)::int as entries from (select id from ${QUARANTINE_TABLE} order by id limit $1::bigint) counted`,
    [atMost],
  )
  return rows[0]!.entries
}

/** Ids grow, so the largest at the beginning is the bound of the snapshot; pages go by the id after which they begin. */
async function* list(database: Database, name: string, filter: QuarantineFilter): AsyncGenerator<QuarantineEntry> {
  if (!(await isMade(database))) return
  const session = await openDatabase(database)
  try {
    const bound = await guarded(name, 'list', () => lastId(session))
    for (let after = '0'; bound !== null; ) {
      const ids = await guarded(name, 'list', () => pageOf(session, after, bound, filter))
      if (ids.length === 0) return
      for (const { id, raw, rawSha256, at, entry } of await guarded(name, 'list', () => rowsOf(session, ids))) {
        const sha256 = rawSha256 === null ? {} : { rawSha256 }
        const kept = entryFromJson(JSON.parse(entry) as EntryJson, { id, raw, at: at.getTime(), ...sha256 })
        if (isWanted(kept, filter)) yield kept
      }
      after = ids.at(-1)!
    }
  } finally {
    await session.close()
  }
}

/** Null where there is nothing, or no table yet. */
async function lastId(session: DatabaseSession): Promise<string | null> {
  if (!(await hasQuarantineTable(session))) return null
  const { rows } = await session.query<{ readonly last: string | null }>(`select max(id)::text as last from ${QUARANTINE_TABLE}`)
  return rows[0]!.last
}

/** As many ids as make a page, at least one. The sizes of large values are known without reading them. */
async function pageOf(session: DatabaseSession, after: string, bound: string, filter: QuarantineFilter): Promise<string[]> {
  const { stage, code, pipeline, since, until } = filter
  const params: unknown[] = [after, bound]
  const conditions = ['id > $1::bigint', 'id <= $2::bigint']
  const add = (value: unknown, condition: (parameter: string) => string): void => {
    if (value !== undefined) conditions.push(condition(`$${params.push(value)}`))
  }
  add(stage && cleanText(stage), parameter => `stage = ${parameter}`)
  add(code && cleanText(code), parameter => `code = ${parameter}`)
  add(pipeline && cleanText(pipeline), parameter => `pipeline = ${parameter}`)
  add(since?.toISOString(), parameter => `at >= ${parameter}::timestamptz`)
  add(until?.toISOString(), parameter => `at < ${parameter}::timestamptz`)
  const { rows } = await session.query<{ readonly id: string; readonly bytes: string }>(
    `select id::text, (octet_length(raw) + octet_length(entry::text))::text as bytes from ${QUARANTINE_TABLE}
where ${conditions.join(' and ')} order by ${QUARANTINE_TABLE}.id limit ${PAGE_ENTRIES}`,
    params,
  )
  const ids: string[] = []
  let bytes = 0
  for (const row of rows) {
    bytes += Number(row.bytes)
    if (ids.length > 0 && bytes > PAGE_BYTES) break
    ids.push(row.id)
  }
  return ids
}

async function rowsOf(session: DatabaseSession, ids: readonly string[]): Promise<readonly StoredRow[]> {
  const { rows } = await session.query<StoredRow>(
    `select id::text, raw, raw_sha256 as "rawSha256", at, entry::text from ${QUARANTINE_TABLE} where id = any ($1::bigint[]) order by ${QUARANTINE_TABLE}.id`,
    [`{${ids.join(',')}}`],
  )
  return rows
}

async function release(session: DatabaseSession, ids: readonly string[]): Promise<void> {
  const own = ids.filter(id => /^\d{1,18}$/.test(id))
  if (own.length === 0 || !(await hasQuarantineTable(session))) return
  await session.query(`delete from ${QUARANTINE_TABLE} where id = any ($1::bigint[])`, [`{${own.join(',')}}`])
}

async function using<T>(database: Database, store: string, doing: string, work: (session: DatabaseSession) => Promise<T>): Promise<T> {
  const session = await openDatabase(database)
  try {
    return await guarded(store, doing, () => work(session))
  } finally {
    await session.close()
  }
}
