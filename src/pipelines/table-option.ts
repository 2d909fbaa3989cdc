import { ConfigError, type Problem } from '../config/config-error.js'
import { pathText } from '../config/config-path.js'
import type { JsonSchema } from '../config/config-schema.js'
import { problemsOf } from '../config/problems-of.js'
import { type Column, type Columns, columns as columnTypes } from '../tables/column.js'
import { type Table, table } from '../tables/table.js'

/** A column as a config writes it: its type, or an object with it. */
export type ColumnOption =
  | string
  | {
      /** `text`, `varchar(40)`, `integer[]`, …. */
      readonly type: string
      /** Whether it is one of the columns by which rows are told apart. Default false. */
      readonly key?: boolean
      /** Whether it takes null. Default false. */
      readonly nullable?: boolean
      /** What a row gets that leaves it out: a value, or `{ sql }`. */
      readonly default?: unknown
    }

/** A table as a config writes it. */
export interface TableOption {
  /** `signups`, or with its schema `sales.signups`. */
  readonly name: string
  /** Whether the table is made at start where it is missing. Default false. */
  readonly create?: boolean
  /** By name, in the order of the table. */
  readonly columns: { readonly [name: string]: ColumnOption }
  /** `ignore` lets fields of rows pass that are no columns; without it they fail their record. */
  readonly extra?: 'ignore'
}

const types = ['text', 'integer', 'bigint', 'numeric', 'double', 'boolean', 'timestamptz', 'date', 'uuid', 'jsonb', 'bytea'] as const
const typePattern = `^(${types.join('|')}|varchar\\([1-9][0-9]{0,7}\\))(\\[\\])?$`

const columnType: JsonSchema = {
  type: 'string',
  title: `a type: one of ${types.join(', ')}, varchar(n), each with [] for an array`,
  pattern: typePattern,
  examples: types,
}

export const tableSchema: JsonSchema = {
  type: 'object',
  description: 'The table that rows are written into. It is compared with the database at start.',
  required: ['name', 'columns'],
  additionalProperties: false,
  properties: {
    name: { type: 'string', minLength: 1, description: '`signups`, or with its schema `sales.signups`. Case-sensitive.' },
    create: {
      type: 'boolean',
      default: false,
      description: 'Makes the table at start where it is missing; one that is there is never altered.',
    },
    columns: {
      type: 'object',
      minProperties: 1,
      title: 'an object with at least one column',
      description: 'The columns by name, in the order of the table: the type, or an object with it.',
      additionalProperties: {
        ...columnType,
        type: ['string', 'object'],
        required: ['type'],
        additionalProperties: false,
        properties: {
          type: {
            ...columnType,
            description:
              '`text`, `varchar(n)`, `integer` (32 bits), `bigint`, `numeric`, `double`, `boolean`, `timestamptz`, `date`, `uuid`, `jsonb`, `bytea`; with `[]` an array of it.',
          },
          key: {
            type: 'boolean',
            default: false,
            description:
              'Whether rows are told apart by this column: the primary key of a table that is made, and the conflict key of `write`.',
          },
          nullable: { type: 'boolean', default: false, description: 'Whether it takes null; then rows may leave it out.' },
          default: { description: 'What a row gets that leaves it out: a value, or an expression as `{ "sql": "now()" }`.' },
        },
      },
    },
    extra: {
      type: 'string',
      enum: ['ignore'],
      description: '`ignore` lets fields of rows pass that are no columns; without it they fail their record. Only of use with `toRow`.',
    },
  },
}

/** A table whose columns are known only when it is made. */
export type AnyTable = Table<Record<string, Column<unknown, boolean>>, string>

/**
 * The table of a config.
 *
 * @throws {ConfigError} With what is wrong, paths relative to the table.
 */
export function tableOf({ name, create = false, columns, extra }: TableOption): AnyTable {
  const key = Object.keys(columns).filter(column => isObject(columns[column]) && columns[column].key === true)
  const made: Record<string, Column<unknown, boolean>> = {}
  const problems: Problem[] = []
  for (const [column, given] of Object.entries(columns)) {
    try {
      made[column] = columnOf(columnTypes, given)
    } catch (error) {
      problems.push(...problemsOf(error, pathText(['columns', column])))
    }
  }
  for (const column of key) {
    if ((columns[column] as { readonly nullable?: boolean }).nullable !== true) continue
    problems.push({ path: pathText(['columns', column, 'nullable']), expected: 'false, as the column is in the key', given: 'true' })
  }
  if (problems.length > 0) throw new ConfigError('', problems)
  return table(name, () => made, { key, create, ...(extra !== undefined && { extra }) })
}

const isObject = (value: unknown): value is Exclude<ColumnOption, string> => typeof value === 'object'

function columnOf(c: Columns, given: ColumnOption): Column<unknown, boolean> {
  if (typeof given === 'string') return typed(c, given)
  let column = typed(c, given.type)
  if (given.nullable === true) column = column.nullable() as Column<unknown, boolean>
  return given.default === undefined ? column : (column.default(given.default as never) as Column<unknown, boolean>)
}

/** The type's name without what stands in brackets: `varchar` of `varchar(40)[]`. */
export const typeNameOf = (given: ColumnOption): string => (typeof given === 'string' ? given : given.type).replace(/[([].*$/, '')

function typed(c: Columns, type: string): Column<unknown, boolean> {
  if (type.endsWith('[]')) return c.array(typed(c, type.slice(0, -2))) as unknown as Column<unknown, boolean>
  const length = /^varchar\((\d+)\)$/.exec(type)?.[1]
  if (length !== undefined) return c.varchar(Number(length)) as Column<unknown, boolean>
  return c[type as (typeof types)[number]]() as unknown as Column<unknown, boolean>
}
