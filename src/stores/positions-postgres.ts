import type { PositionEntry, Positions, PositionsSession } from '../core/positions.js'
import { fromColumn, toColumn } from '../drivers/postgres/any-text.js'
import { type Database, databaseScope, openDatabase } from '../drivers/postgres/database.js'
import type { DatabaseSession } from '../drivers/postgres/database-session.js'
import { inspectDatabase } from '../drivers/postgres/inspect-database.js'
import { inspectOwnTable, type OwnTable } from '../drivers/postgres/inspect-own-table.js'
import { guarded } from './guarded.js'
import { makeTable } from './make-table.js'

const TABLE = 'millrace_positions'

const shape: OwnTable = {
  name: TABLE,
  what: 'the store of positions',
  columns: { pipeline: 'text', source: 'text', partition: 'text', next: 'bigint', mark: 'text' },
  unique: ['pipeline', 'source', 'partition'],
  rights: ['SELECT', 'INSERT', 'UPDATE'],
}

/**
 * Keeps positions in the table `millrace_positions` of a database, made where it is missing: where a sink keeps no ledger, a run goes on there.
 *
 * Rows and positions are not written in one transaction, so after a kill some records come again; with `ledger: true` on the sink none does.
 *
 * @throws {MillraceError} `MILL_OPTION_INVALID` for what `postgres()` did not make. In use `MILL_DATABASE_AWAY` (waited for), `MILL_STORE_FAILED`.
 */
export function postgresPositions(database: Database): Positions {
  const name = `positions in ${database.name}`
  databaseScope(database)
  return {
    name,
    open: ({ pipeline }) => openSession(database, name, pipeline),
    describe: () => [`table ${TABLE} in database ${database.name}`],
    inspect: context => inspectDatabase(database, context, { look: (queries, user) => inspectOwnTable(queries, user, shape) }),
  }
}

async function openSession(database: Database, name: string, pipeline: string): Promise<PositionsSession> {
  const session = await openDatabase(database)
  try {
    await guarded(name, 'open', () => prepareTable(session))
  } catch (error) {
    await session.close()
    throw error
  }
  return {
    read: (source, partition) => guarded(name, 'read', () => read(session, pipeline, source, partition)),
    write: entries => guarded(name, 'write', () => write(session, pipeline, entries)),
    close: () => session.close(),
  }
}

async function prepareTable(session: DatabaseSession): Promise<void> {
  await makeTable(session, TABLE, table => {
    for (const column of ['pipeline', 'source', 'partition']) table.text(column).notNullable()
    table.bigInteger('next').notNullable()
    table.text('mark')
    table.primary(['pipeline', 'source', 'partition'])
  })
}

async function read(session: DatabaseSession, pipeline: string, source: string, partition: string) {
  const { rows } = await session.query<{ readonly next: string; readonly mark: string | null }>(
    `select next::text, mark from ${TABLE} where pipeline = $1 and source = $2 and partition = $3`,
    [toColumn(pipeline), toColumn(source), toColumn(partition)],
  )
  const [row] = rows
  return row === undefined ? undefined : { next: Number(row.next), mark: row.mark === null ? null : fromColumn(row.mark) }
}

/** One statement, so entries of one call are kept together or not at all; sorted, so that two of them never wait for each other. */
async function write(session: DatabaseSession, pipeline: string, entries: readonly PositionEntry[]): Promise<void> {
  const last = new Map(entries.map(entry => [`${entry.source}\0${entry.partition}`, entry]))
  if (last.size === 0) return
  const rows = [...last.values()].map(({ source, partition, next, mark }) => ({
    source: toColumn(source),
    partition: toColumn(partition),
    next,
    mark: mark === null ? null : toColumn(mark),
  }))
  await session.query(
    `insert into ${TABLE} (pipeline, source, partition, next, mark)
select $1, source, partition, next, mark from jsonb_to_recordset($2) as r(source text, partition text, next bigint, mark text) order by source, partition
on conflict (pipeline, source, partition) do update set next = excluded.next, mark = excluded.mark`,
    [toColumn(pipeline), JSON.stringify(rows)],
  )
}
