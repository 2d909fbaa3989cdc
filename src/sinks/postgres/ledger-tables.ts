import type { Finding } from '../../core/inspection.js'
import type { Queries } from '../../drivers/postgres/database-session.js'
import { inspectOwnTable } from '../../drivers/postgres/inspect-own-table.js'

const POSITION = { pipeline: 'text', source: 'text', partition: 'text' }

/** Whether the ledger's two tables are there, are ours, and may be written; where they are missing, whether they may be made. */
export async function inspectLedgerTables(queries: Queries, user: string): Promise<readonly Finding[]> {
  const ledger = await inspectOwnTable(queries, user, {
    name: 'millrace_ledger',
    what: 'the ledger',
    columns: { ...POSITION, covered: 'int8multirange', epoch: 'bigint', owner: 'uuid', mark: 'text' },
    unique: ['pipeline', 'source', 'partition'],
    rights: ['SELECT', 'INSERT', 'UPDATE'],
  })
  const seen = await inspectOwnTable(queries, user, {
    name: 'millrace_seen',
    what: 'the ledger of ids',
    columns: { ...POSITION, id: 'text', at: 'timestamp with time zone' },
    unique: ['pipeline', 'source', 'partition', 'id'],
    rights: ['SELECT', 'INSERT', 'DELETE'],
  })
  return [...ledger, ...seen]
}
