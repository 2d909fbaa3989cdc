import type { DatabaseSession } from '../drivers/postgres/database-session.js'
import type { OwnTable } from '../drivers/postgres/inspect-own-table.js'
import { hasTable, makeTable } from './make-table.js'

/** Where the entries are, in the first schema of the connection's search path. */
export const QUARANTINE_TABLE = 'millrace_quarantine'

/** Makes the table where it is missing. Two processes may do so at once. */
export async function prepareQuarantineTable(session: DatabaseSession): Promise<void> {
  await makeTable(session, QUARANTINE_TABLE, table => {
    table.bigIncrements('id')
    table.text('identity').notNullable().unique()
    for (const column of ['pipeline', 'source', 'partition', 'position', 'part', 'stage', 'code']) table.text(column).notNullable()
    table.text('sqlstate')
    table.text('message').notNullable()
    table.specificType('raw', 'bytea').notNullable()
    table.bigInteger('raw_bytes').notNullable()
    table.text('raw_sha256')
    table.specificType('key', 'bytea')
    table.timestamp('recorded', { useTz: true }).notNullable()
    table.timestamp('at', { useTz: true }).notNullable()
    table.text('version').notNullable()
    // Not jsonb, which refuses NUL and lone surrogates even where they are escaped.
    table.json('entry').notNullable()
  })
}

/** Whether it is there. */
export function hasQuarantineTable(session: DatabaseSession): Promise<boolean> {
  return hasTable(session, QUARANTINE_TABLE)
}

/** What an inspection expects of it. */
export const quarantineTableShape: OwnTable = {
  name: QUARANTINE_TABLE,
  what: 'the quarantine',
  columns: {
    id: 'bigint',
    ...Object.fromEntries(
      ['identity', 'pipeline', 'source', 'partition', 'position', 'part', 'stage', 'code', 'sqlstate', 'message'].map(name => [
        name,
        'text',
      ]),
    ),
    raw: 'bytea',
    raw_bytes: 'bigint',
    raw_sha256: 'text',
    key: 'bytea',
    recorded: 'timestamp with time zone',
    at: 'timestamp with time zone',
    version: 'text',
    entry: 'json',
  },
  unique: ['identity'],
  rights: ['SELECT', 'INSERT', 'UPDATE', 'DELETE'],
}
