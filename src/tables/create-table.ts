import type { DatabaseSession } from '../drivers/postgres/database-session.js'
import { identifier, literal } from '../drivers/postgres/literals.js'
import type { ColumnDefinition } from './column.js'
import type { TableDefinition } from './table.js'

/** Makes the table, and its schema where that is missing. Its key becomes the primary key. */
export async function createTable(session: DatabaseSession, definition: TableDefinition): Promise<void> {
  const knex = await session.knex()
  const [, schema] = definition.name.split('.').reverse()
  // Asked for first: `if not exists` wants the right to make schemas even where there is nothing to make.
  if (schema !== undefined && !(await hasSchema(session, schema))) await knex.schema.createSchemaIfNotExists(schema)
  await session.message(createStatements(knex, definition))
}

async function hasSchema(session: DatabaseSession, schema: string): Promise<boolean> {
  return (await session.query('select from pg_namespace where nspname = $1', [schema])).rowCount > 0
}

type Knex = Awaited<ReturnType<DatabaseSession['knex']>>

/**
 * The statements as text. Names and defaults are put in afterwards: knex itself would cut a name at a dot, trim it, take ` as ` for an alias and `*` for
 * all columns, take each ? of a default for a parameter, and eat a backslash before it.
 */
function createStatements(knex: Knex, { name, columns, key }: TableDefinition): string {
  const [table, schema] = name.split('.').reverse() as [string, string | undefined]
  const texts = new Map([
    ['"(table)"', identifier(table)],
    ['"(table)_pkey"', identifier(`${table}_pkey`)],
    ['"(schema)"', identifier(schema ?? '')],
  ])
  const places = new Map([...columns.keys()].map((column, i) => [column, `(column ${i})`]))
  for (const [column, place] of places) texts.set(`"${place}"`, identifier(column))
  const builder = schema === undefined ? knex.schema : knex.schema.withSchema('(schema)')
  const making = builder.createTable('(table)', made => {
    for (const [column, { type, isNullable, defaultTo }] of columns) {
      const built = made.specificType(places.get(column)!, type.sql)
      if (isNullable) built.nullable()
      else built.notNullable()
      if (defaultTo === undefined) continue
      const place = `(the default of ${texts.size})`
      texts.set(place, defaultSql(type, defaultTo))
      built.defaultTo(knex.raw(place))
    }
    if (key.length > 0) made.primary(key.map(column => places.get(column)!))
  })
  const statements = making.toSQL().map(({ sql }) => sql)
  return statements.join(';\n').replace(/"\([^()]+\)\w*"|\(the default of \d+\)/g, place => texts.get(place) ?? place)
}

function defaultSql(type: ColumnDefinition['type'], defaultTo: NonNullable<ColumnDefinition['defaultTo']>): string {
  if ('sql' in defaultTo) return `(${defaultTo.sql})`
  const { value } = defaultTo
  if (value === null && type.sql !== 'jsonb') return 'null'
  return `${literal((type.text as (value: unknown) => string)(value))}::${type.sql}`
}
