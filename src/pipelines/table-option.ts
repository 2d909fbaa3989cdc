import { ConfigError } from '../config/config-error.js'
import { pathText } from '../config/config-path.js'
import type { JsonSchema } from '../config/config-schema.js'
import { columns as builder, type Column } from '../tables/column.js'
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

/** A {@link TableOption} as JSON Schema. */
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
 * @throws {ConfigError} For a column in the key that is nullable. {@link MillraceError} as `table()` and its columns throw it.
 */
export function tableOf({ name, create = false, columns, extra }: TableOption): AnyTable {
  const given = Object.entries(columns)
  const key = given.flatMap(([column, of]) => (isObject(of) && of.key === true ? [column] : []))
  const wrong = given.filter(([, of]) => isObject(of) && of.key === true && of.nullable === true)
  if (wrong.length > 0) {
    const expected = 'false, as the column is in the key'
    throw new ConfigError(
      '',
      wrong.map(([column]) => ({ path: pathText(['columns', column, 'nullable']), expected, given: 'true' })),
    )
  }
  const made = Object.fromEntries(given.map(([column, of]) => [column, columnOf(of)]))
  return table(name, () => made, { key, create, ...(extra !== undefined && { extra }) })
}

const isObject = (value: ColumnOption): value is Exclude<ColumnOption, string> => typeof value === 'object'

/**
 * One column of a config.
 *
 * @throws {MillraceError} `MILL_OPTION_INVALID` for a default that the column does not take.
 */
export function columnOf(given: ColumnOption): Column<unknown, boolean> {
  if (!isObject(given)) return typed(given)
  let column = typed(given.type)
  if (given.nullable === true) column = column.nullable()
  return given.default === undefined ? column : column.default(given.default)
}

/** The type's name without what stands in brackets: `varchar` of `varchar(40)[]`. */
export const typeNameOf = (given: ColumnOption): string => (typeof given === 'string' ? given : given.type).replace(/[([].*$/, '')

function typed(type: string): Column<unknown, boolean> {
  if (type.endsWith('[]')) return builder.array(typed(type.slice(0, -2)))
  const length = /^varchar\((\d+)\)$/.exec(type)?.[1]
  if (length !== undefined) return builder.varchar(Number(length)) as Column<unknown, boolean>
  return builder[type as (typeof types)[number]]() as Column<unknown, boolean>
}
