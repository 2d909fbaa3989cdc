import type { Queries } from '../drivers/postgres/database-session.js'
import { tableIdentifier } from '../drivers/postgres/literals.js'

/** A column as the database has it. */
export interface LiveColumn {
  readonly name: string
  /** As `format_type` gives it, with its length or precision: `character varying(20)`. */
  readonly type: string
  readonly isNotNull: boolean
  /** A default, or an identity column's sequence. */
  readonly hasDefault: boolean
  /** Computed by the database: it takes no value. */
  readonly isGenerated: boolean
}

/** A table as the database has it. */
export interface LiveTable {
  readonly columns: readonly LiveColumn[]
  /** The columns of each unique index that holds for all rows at once: none that is partial, over expressions, deferrable or not yet valid. */
  readonly uniqueIndexes: readonly (readonly string[])[]
}

/** What stands in the catalogue under a table's name, found as SQL would find it; undefined where there is no such table. */
export async function readLiveTable(session: Queries, name: string): Promise<LiveTable | undefined> {
  const { rows } = await session.query<{ readonly id: string }>(FIND, [tableIdentifier(name)])
  if (rows.length === 0) return undefined
  const { id } = rows[0]!
  const columns = await session.query<Omit<LiveColumn, never>>(COLUMNS, [id])
  const indexes = await session.query<{ readonly columns: string }>(UNIQUE_INDEXES, [id])
  return { columns: columns.rows, uniqueIndexes: indexes.rows.map(index => JSON.parse(index.columns) as string[]) }
}

const FIND = `select c.oid::text as id from pg_class c where c.oid = to_regclass($1) and c.relkind in ('r', 'p', 'f', 'v')`

const COLUMNS = `
select a.attname as "name", format_type(a.atttypid, a.atttypmod) as "type", a.attnotnull as "isNotNull",
  (a.atthasdef and a.attgenerated = '') or a.attidentity <> '' as "hasDefault",
  a.attgenerated <> '' or a.attidentity = 'a' as "isGenerated"
from pg_attribute a where a.attrelid = $1::oid and a.attnum > 0 and not a.attisdropped order by a.attnum`

const UNIQUE_INDEXES = `
select (select json_agg(a.attname order by a.attname) from pg_attribute a
  where a.attrelid = i.indrelid and a.attnum = any ((i.indkey::int2[])[0:i.indnkeyatts - 1]))::text as "columns"
from pg_index i
where i.indrelid = $1::oid and i.indisunique and i.indisvalid and i.indimmediate and i.indpred is null and i.indexprs is null`
