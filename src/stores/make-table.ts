import type { DatabaseSession } from '../drivers/postgres/database-session.js'

type Knex = Awaited<ReturnType<DatabaseSession['knex']>>
type Build = Parameters<Knex['schema']['createTable']>[1]

/**
 * Makes a store's table where it is missing. Several processes may do so at once.
 *
 * One message, so one transaction: killed between the table and its unique constraint, the table would be there for good without it.
 */
export async function makeTable(session: DatabaseSession, name: string, build: Build): Promise<void> {
  if (await hasTable(session, name)) return
  const knex = await session.knex()
  try {
    await session.message(knex.schema.createTable(name, build).toString())
  } catch (error) {
    if (!(await hasTable(session, name))) throw error
  }
}

/** Whether the table is in the connection's search path. */
export async function hasTable(session: DatabaseSession, name: string): Promise<boolean> {
  const { rows } = await session.query<{ readonly there: boolean }>('select to_regclass($1) is not null as there', [name])
  return rows[0]!.there
}
