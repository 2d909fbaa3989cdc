import type { LedgerBooks, LedgerPartition, LedgerSelection } from '../../core/inspection.js'
import { fromColumn, toColumn } from '../../drivers/postgres/any-text.js'
import { type Database, openDatabase } from '../../drivers/postgres/database.js'
import type { DatabaseSession } from '../../drivers/postgres/database-session.js'
import { isMade } from '../../drivers/postgres/is-made.js'
import { readMultirange } from './ledger-text.js'

interface Row {
  readonly source: string
  readonly partition: string
  readonly covered: string
  readonly ids: string
  readonly epoch: string
  readonly owner: string | null
  readonly mark: string | null
  readonly isOwned: boolean
}

/** The ledger in a database, to be looked at and to be forgotten. Makes no table. */
export function ledgerBooks(database: Database): LedgerBooks {
  return {
    list: async pipeline => ((await isMade(database)) ? using(database, session => list(session, pipeline)) : []),
    reset: async (pipeline, where = {}) => ((await isMade(database)) ? using(database, session => reset(session, pipeline, where)) : 0),
  }
}

async function using<T>(database: Database, work: (session: DatabaseSession) => Promise<T>): Promise<T> {
  const session = await openDatabase(database)
  try {
    return await work(session)
  } finally {
    await session.close()
  }
}

// An owner's connections bear its name; one that writes nothing for 10 s has none.
const LIST = `select l.source, l.partition, l.covered::text, l.epoch::text, l.owner::text, l.mark,
  (select count(*) from millrace_seen s where s.pipeline = l.pipeline and s.source = l.source and s.partition = l.partition)::text as ids,
  exists (select from pg_stat_activity a where a.application_name = 'millrace/' || l.owner) as "isOwned"
from millrace_ledger l where l.pipeline = $1 order by l.source, l.partition`

async function list(session: DatabaseSession, pipeline: string): Promise<readonly LedgerPartition[]> {
  if (!(await hasLedger(session))) return []
  const { rows } = await session.query<Row>(LIST, [toColumn(pipeline)])
  return rows.map(({ source, partition, covered, ids, epoch, owner, mark, isOwned }) => ({
    source: fromColumn(source),
    partition: fromColumn(partition),
    covered: readMultirange(covered),
    ids: Number(ids),
    epoch: BigInt(epoch),
    owner,
    // Embedded there are no others: whoever has the database is alone.
    isOwned: !session.embedded && isOwned,
    mark: mark === null ? null : fromColumn(mark),
  }))
}

/** An owner at work finds its row gone, and is fenced by that. */
async function reset(session: DatabaseSession, pipeline: string, { source, partition }: LedgerSelection): Promise<number> {
  if (!(await hasLedger(session))) return 0
  const params = [toColumn(pipeline), source === undefined ? null : toColumn(source), partition === undefined ? null : toColumn(partition)]
  const where = 'pipeline = $1 and ($2::text is null or source = $2) and ($3::text is null or partition = $3)'
  return session.transaction(async connection => {
    const { rows } = await connection.query(`delete from millrace_ledger where ${where} returning 1 as one`, params)
    await connection.query(`delete from millrace_seen where ${where}`, params)
    return rows.length
  })
}

async function hasLedger(session: DatabaseSession): Promise<boolean> {
  const { rows } = await session.query<{ readonly made: boolean }>(
    `select to_regclass('millrace_ledger') is not null and to_regclass('millrace_seen') is not null as made`,
  )
  return rows[0]!.made
}
