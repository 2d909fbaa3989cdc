import type { Knex } from 'knex'
import type { DatabaseSession } from '../drivers/postgres/database-session.js'
import { literal } from '../drivers/postgres/literals.js'
import type { ColumnDefinition } from './column.js'
import type { TableDefinition } from './table.js'

/** Makes the table, and its schema where that is missing. Its key becomes the primary key. */
export async function createTable(session: DatabaseSession, { name, columns, key }: TableDefinition): Promise<void> {
  const knex = await session.knex()
  const [table, schema] = name.split('.').reverse() as [string, string | undefined]
  // Asked for first: `if not exists` wants the right to make schemas even where there is nothing to make.
  if (schema !== undefined && !(await hasSchema(session, schema))) await knex.schema.createSchemaIfNotExists(schema)
  const builder = schema === undefined ? knex.schema : knex.schema.withSchema(schema)
  await builder.createTable(table, made => {
    for (const [column, definition] of columns) addColumn(knex, made, column, definition)
    if (key.length > 0) made.primary([...key])
  })
}

async function hasSchema(session: DatabaseSession, schema: string): Promise<boolean> {
  return (await session.query('select from pg_namespace where nspname = $1', [schema])).rowCount > 0
}

function addColumn(knex: Knex, made: Knex.CreateTableBuilder, name: string, { type, isNullable, defaultTo }: ColumnDefinition): void {
  const column = made.specificType(name, type.sql)
  if (isNullable) column.nullable()
  else column.notNullable()
  // knex takes ? for a parameter, in raw SQL too.
  if (defaultTo !== undefined) column.defaultTo(knex.raw(defaultSql(type, defaultTo).replaceAll('?', '\\?')))
}

function defaultSql(type: ColumnDefinition['type'], defaultTo: NonNullable<ColumnDefinition['defaultTo']>): string {
  if ('sql' in defaultTo) return defaultTo.sql
  const { value } = defaultTo
  if (value === null && type.sql !== 'jsonb') return 'null'
  return `${literal((type.text as (value: unknown) => string)(value))}::${type.sql}`
}
