import type { Finding } from '../../core/inspection.js'
import type { Queries } from './database-session.js'
import { identifier } from './literals.js'

/** A table of Millrace's own, as it must be. */
export interface OwnTable {
  readonly name: string
  /** What it is to people: `the ledger`. */
  readonly what: string
  /** Types as `format_type` gives them. */
  readonly columns: Readonly<Record<string, string>>
  /** A unique index must be on exactly these. */
  readonly unique: readonly string[]
  readonly rights: readonly Right[]
}

/** A right on a table. */
export type Right = 'SELECT' | 'INSERT' | 'UPDATE' | 'DELETE'

/** Whether such a table is there, is ours, and may be used; where it is missing, whether it may be made. */
export async function inspectOwnTable(queries: Queries, user: string, table: OwnTable): Promise<readonly Finding[]> {
  const { rows } = await queries.query<{ readonly id: string | null }>('select to_regclass($1)::oid::text as id', [identifier(table.name)])
  const id = rows[0]!.id
  if (id === null) return inspectMaking(queries, user, table)
  const differences = await differencesOf(queries, id, table)
  if (differences.length > 0) {
    const fix = `rename that table, or set another search_path for ${user}; ${table.what} is made anew where its name is free`
    return [{ level: 'fault', what: `table ${table.name} is not ${table.what}`, cause: differences.join('; '), fix, kind: 'config' }]
  }
  const missing = [...(await missingRights(queries, id, table.rights)), ...(await missingSequence(queries, id))]
  if (missing.length === 0) return [{ level: 'ok', what: `table ${table.name} can be written` }]
  return [
    {
      level: 'fault',
      what: `${user} may not ${missing.map(({ right }) => right).join(', ')} on table ${table.name}`,
      cause: `${table.what} needs it`,
      fix: missing.map(({ grant }) => grant(table.name, user)).join('; '),
      kind: 'not-allowed',
    },
  ]
}

/** Whether a table could be made in the schema where the search path leads. */
async function inspectMaking(queries: Queries, user: string, { name, what }: OwnTable): Promise<readonly Finding[]> {
  const { rows } = await queries.query<{ readonly schema: string | null; readonly may: boolean | null }>(
    `select current_schema() as schema, has_schema_privilege(current_schema(), 'CREATE') as may`,
  )
  const { schema, may } = rows[0]!
  if (schema !== null && may === true) return [{ level: 'ok', what: `table ${name} is made at the first run, in schema ${schema}` }]
  const missing = `table ${name} is missing, and ${user} may not make it`
  if (schema === null) {
    const fix = `create a schema, and name it in the search_path of ${user}`
    return [{ level: 'fault', what: missing, cause: 'the search_path leads to no schema', fix, kind: 'config' }]
  }
  const fix = `grant create on schema ${schema} to ${user}, or make the table as its owner (${what}: see docs/delivery.md)`
  return [{ level: 'fault', what: missing, cause: `no right to create in schema ${schema}`, fix, kind: 'not-allowed' }]
}

async function differencesOf(queries: Queries, id: string, { columns, unique }: OwnTable): Promise<string[]> {
  const { rows } = await queries.query<{ readonly name: string; readonly type: string; readonly isNeeded: boolean }>(
    `select attname as name, format_type(atttypid, atttypmod) as type, attnotnull and not atthasdef and attidentity = '' as "isNeeded"
from pg_attribute where attrelid = $1::oid and attnum > 0 and not attisdropped`,
    [id],
  )
  const live = new Map(rows.map(row => [row.name, row]))
  const differences = Object.entries(columns).flatMap(([name, type]) => {
    const found = live.get(name)?.type
    return found === type ? [] : [found === undefined ? `it has no column ${name}` : `column ${name} is ${found}, not ${type}`]
  })
  for (const { name, isNeeded } of rows) if (isNeeded && !(name in columns)) differences.push(`it has the column ${name}, not null`)
  // Without its columns the rest says nothing more.
  if (differences.length > 0 || (await hasUnique(queries, id, unique))) return differences
  return [`it has no unique index on (${unique.join(', ')})`]
}

async function hasUnique(queries: Queries, id: string, columns: readonly string[]): Promise<boolean> {
  const { rows } = await queries.query<{ readonly columns: string }>(
    `select (select json_agg(a.attname order by a.attname) from pg_attribute a
  where a.attrelid = i.indrelid and a.attnum = any ((i.indkey::int2[])[0:i.indnkeyatts - 1]))::text as columns
from pg_index i where i.indrelid = $1::oid and i.indisunique and i.indisvalid and i.indpred is null and i.indexprs is null`,
    [id],
  )
  const wanted = JSON.stringify([...columns].sort())
  return rows.some(row => JSON.stringify((JSON.parse(row.columns) as string[]).sort()) === wanted)
}

interface MissingRight {
  readonly right: string
  readonly grant: (table: string, user: string) => string
}

async function missingRights(queries: Queries, id: string, rights: readonly Right[]): Promise<MissingRight[]> {
  const { rows } = await queries.query<{ readonly right: string }>(
    `select r as right from unnest($2::text[]) r where not has_table_privilege($1::oid, r)`,
    [id, `{${rights.join(',')}}`],
  )
  return rows.map(({ right }) => ({ right, grant: (table, user) => `grant ${right.toLowerCase()} on ${table} to ${user}` }))
}

/** Of a column that counts up: a row cannot be inserted without it. */
async function missingSequence(queries: Queries, id: string): Promise<MissingRight[]> {
  const { rows } = await queries.query<{ readonly sequence: string }>(
    `select s.oid::regclass::text as sequence from pg_depend d join pg_class s on s.oid = d.objid and s.relkind = 'S'
where d.refobjid = $1::oid and d.classid = 'pg_class'::regclass and d.deptype = 'a'
  and case when s.relkind = 'S' then not has_sequence_privilege(s.oid, 'USAGE') end`,
    [id],
  )
  return rows.map(({ sequence }) => ({
    right: `use sequence ${sequence}`,
    grant: (_, user) => `grant usage on sequence ${sequence} to ${user}`,
  }))
}
