import { MillraceError } from '../core/errors.js'
import type { DatabaseSession } from '../drivers/postgres/database-session.js'
import { createTable } from './create-table.js'
import { readLiveTable } from './live-table.js'
import { definitionOf, type Table } from './table.js'
import { tableProblems } from './table-problems.js'

/** One for the schema, one for the table, and the last. */
const ATTEMPTS = 3

/**
 * Holds a table's definition against the database, before the first row: makes the table where it is missing and the definition says `create`.
 *
 * @throws {MillraceError} `MILL_TABLE_MISSING`; `MILL_TABLE_MISMATCH`, which names all that differs; what the database says of a DDL that it refuses.
 */
export async function prepareTable<C, Key extends keyof C>(session: DatabaseSession, table: Table<C, Key>): Promise<void> {
  const definition = definitionOf(table)
  const { name } = definition
  let live = await readLiveTable(session, name)
  for (let attempt = 1; live === undefined && definition.create; attempt++) {
    try {
      await createTable(session, definition)
    } catch (error) {
      // Another process may have made it, or its schema, a moment ago: `if not exists` does not keep two from trying. With the schema there, the
      // table may still be missing: then it is tried again.
      live = await readLiveTable(session, name)
      if (live === undefined && attempt === ATTEMPTS) throw error
    }
    live ??= await readLiveTable(session, name)
  }
  if (live === undefined) throw new MillraceError('MILL_TABLE_MISSING', { table: name, database: session.name })
  const problems = tableProblems(definition, live)
  if (problems.length > 0) throw new MillraceError('MILL_TABLE_MISMATCH', { table: name, problems })
}
