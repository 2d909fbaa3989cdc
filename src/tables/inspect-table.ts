import type { Finding } from '../core/inspection.js'
import type { Queries } from '../drivers/postgres/database-session.js'
import { tableIdentifier } from '../drivers/postgres/literals.js'
import { readLiveTable } from './live-table.js'
import type { TableDefinition } from './table.js'
import { tableDifferences } from './table-problems.js'

/** What a mode of writing wants of a table. */
export interface TableUse {
  readonly rights: readonly ('SELECT' | 'INSERT' | 'UPDATE')[]
  /** Rows go through a temporary table. */
  readonly isStaged: boolean
}

/** Holds a table's definition against the database, and the user's rights against what will be done there. A finding for each difference. */
export async function inspectTable(
  queries: Queries,
  user: string,
  definition: TableDefinition,
  use: TableUse,
): Promise<readonly Finding[]> {
  const { name } = definition
  const schema = await inspectSchema(queries, user, definition)
  if (schema.length > 0) return schema
  const live = await readLiveTable(queries, name)
  if (live === undefined) return inspectMaking(queries, user, definition)
  const differences = tableDifferences(definition, live).map(
    ({ problem, fix }): Finding => ({
      level: 'fault',
      what: `table ${name} differs from its definition: ${problem}`,
      fix,
      kind: 'config',
    }),
  )
  const rights = await inspectRights(queries, user, definition, use)
  const findings = [...differences, ...rights]
  return findings.length > 0 ? findings : [{ level: 'ok', what: `table ${name} is as it is defined, and can be written` }]
}

/** What is wrong with a table in a database that is not there yet. */
export function inspectTableOfNew({ name, create }: TableDefinition): readonly Finding[] {
  return create ? [{ level: 'ok', what: `table ${name} is made at the first run` }] : [missing(name)]
}

const missing = (name: string): Finding => ({
  level: 'fault',
  what: `table ${name} is not there`,
  cause: 'the definition does not say create, so no run makes it',
  fix: 'make it, or set create: true in its definition, or correct its name (it is case-sensitive)',
  kind: 'config',
})

/** Asked for first: where the schema may not be used, no question about its tables is answered. */
async function inspectSchema(queries: Queries, user: string, { name }: TableDefinition): Promise<readonly Finding[]> {
  const [, schema] = name.split('.').reverse()
  if (schema === undefined) return []
  const { rows } = await queries.query<{ readonly may: boolean }>(
    `select has_schema_privilege(oid, 'USAGE') as may from pg_namespace where nspname = $1`,
    [schema],
  )
  if (rows[0]?.may !== false) return []
  const fix = `grant usage on schema ${tableIdentifier(schema)} to ${user}`
  return [{ level: 'fault', what: `${user} may not use schema ${schema} of table ${name}`, fix, kind: 'not-allowed' }]
}

async function inspectMaking(queries: Queries, user: string, definition: TableDefinition): Promise<readonly Finding[]> {
  const { name, create } = definition
  if (!create) return [missing(name)]
  const [, schema] = name.split('.').reverse()
  const { rows } = await queries.query<{ readonly there: boolean; readonly may: boolean | null; readonly schema: string | null }>(
    `select n.oid is not null as there, coalesce(has_schema_privilege(n.oid, 'CREATE'), has_database_privilege(current_database(), 'CREATE')) as may,
  coalesce($1, current_schema()) as schema
from (select 1) one left join pg_namespace n on n.nspname = coalesce($1, current_schema())`,
    [schema ?? null],
  )
  const found = rows[0]!
  if (found.schema === null) {
    const cause = 'the search_path leads to no schema'
    return [
      { level: 'fault', what: `table ${name} cannot be made`, cause, fix: `create a schema, or name one: schema.${name}`, kind: 'config' },
    ]
  }
  if (found.may) return [{ level: 'ok', what: `table ${name} is made at the first run, in schema ${found.schema}` }]
  const cause = found.there ? `no right to create in schema ${found.schema}` : `schema ${found.schema} is missing, and may not be made`
  const right = found.there ? `grant create on schema ${found.schema} to ${user}` : `create schema ${found.schema} authorization ${user}`
  const fix = `${right}, or make the table as its owner`
  return [{ level: 'fault', what: `table ${name} is missing, and ${user} may not make it`, cause, fix, kind: 'not-allowed' }]
}

async function inspectRights(
  queries: Queries,
  user: string,
  { name, columns }: TableDefinition,
  { rights, isStaged }: TableUse,
): Promise<Finding[]> {
  const { rows } = await queries.query<{ readonly right: string }>(
    // A right on each of the columns does as well as one on the table. Columns that are missing have been told of.
    `select r as right from unnest($2::text[]) r where not has_table_privilege(to_regclass($1), r)
  and exists (select from pg_attribute a where a.attrelid = to_regclass($1) and a.attname = any ($3::text[]) and not a.attisdropped
    and not has_column_privilege(to_regclass($1), a.attnum, r))`,
    [tableIdentifier(name), [...rights], [...columns.keys()]],
  )
  const findings = rows.map(
    ({ right }): Finding => ({
      level: 'fault',
      what: `${user} may not ${right} on table ${name}`,
      fix: `grant ${right.toLowerCase()} on ${tableIdentifier(name)} to ${user}`,
      kind: 'not-allowed',
    }),
  )
  return isStaged ? [...findings, ...(await inspectStaging(queries, user))] : findings
}

async function inspectStaging(queries: Queries, user: string): Promise<Finding[]> {
  const { rows } = await queries.query<{ readonly may: boolean; readonly database: string }>(
    `select has_database_privilege(current_database(), 'TEMP') as may, current_database() as database`,
  )
  const { may, database } = rows[0]!
  if (may) return []
  return [
    {
      level: 'fault',
      what: `${user} may not make temporary tables in database ${database}`,
      cause: 'in this mode rows go through one',
      fix: `grant temporary on database ${database} to ${user}`,
      kind: 'not-allowed',
    },
  ]
}
