import { MillraceError } from '../core/errors.js'
import { shown } from '../core/options.js'
import type { ColumnType } from './column-type.js'
import { arrayType } from './column-types/array.js'
import { booleanType } from './column-types/boolean.js'
import { byteaType } from './column-types/bytea.js'
import { jsonbType } from './column-types/jsonb.js'
import { bigintType, doubleType, integerType, numericType } from './column-types/numbers.js'
import { textType, varcharType } from './column-types/text.js'
import { dateType, timestamptzType } from './column-types/time.js'
import { uuidType } from './column-types/uuid.js'

declare const columnType: unique symbol

/** A column of a table: the type of its values, and whether a row may leave it out. Immutable. */
export interface Column<out T, out Optional extends boolean = false> {
  readonly [columnType]?: { readonly type: T; readonly optional: Optional }
  /** Takes null. Left out of a row, or undefined, it is NULL. */
  nullable(): Column<T | null, true>
  /** Left out of a row, or undefined, it gets what the database has as its default: this value or expression where `create` made the table. */
  default(value: T | { readonly sql: string }): Column<T, true>
}

/** The types that columns may have. Each is `not null` unless `nullable()` is called on it. */
export interface Columns {
  /** Any text but NUL characters and lone surrogates. */
  text(): Column<string>
  /** At most `n` characters, counted as code points. */
  varchar(n: number): Column<string>
  /** -2147483648 to 2147483647. */
  integer(): Column<number>
  /** 64 bits; a number only where a double is exact, up to 2^53 - 1. */
  bigint(): Column<bigint | number>
  /** Any precision; give what a double cannot hold as text. */
  numeric(): Column<string | number | bigint>
  /** A double, NaN and infinities included. */
  double(): Column<number>
  boolean(): Column<boolean>
  /** A Date, or ISO 8601 text; without a zone it is in UTC. */
  timestamptz(): Column<Date | string>
  /** A Date, of which the day in UTC counts, or ISO 8601 text. */
  date(): Column<Date | string>
  uuid(): Column<string>
  /** Whatever JSON.stringify writes without loss. In a column that is not nullable, null is JSON's null. */
  jsonb<T = unknown>(): Column<T>
  bytea(): Column<Uint8Array>
  /** One dimension. Its elements may be null where `of` is nullable. */
  array<T>(of: Column<T, boolean>): Column<readonly T[]>
}

/**
 * What a column is made of.
 * @internal
 */
export class ColumnDefinition implements Column<never, boolean> {
  constructor(
    readonly type: ColumnType,
    readonly isNullable = false,
    readonly defaultTo: { readonly value: unknown } | { readonly sql: string } | undefined = undefined,
    readonly isArray = false,
  ) {}

  nullable(): Column<never, true> {
    return new ColumnDefinition(this.type, true, this.defaultTo, this.isArray) as unknown as Column<never, true>
  }

  default(value: unknown): Column<never, true> {
    return new ColumnDefinition(this.type, this.isNullable, this.checkedDefault(value), this.isArray) as unknown as Column<never, true>
  }

  private checkedDefault(value: unknown): { readonly value: unknown } | { readonly sql: string } {
    const { sql } = (typeof value === 'object' && value !== null ? value : {}) as { readonly sql?: unknown }
    if (typeof sql === 'string' && Object.keys(value as object).length === 1) return { sql }
    const expected = value === null && this.isNullable ? undefined : this.type.refuse(value)
    if (expected !== undefined) throw invalid(`${this.type.sql} column`, 'default', `${expected}, or { sql }`, value)
    return { value }
  }
}

/**
 * The builder that a table's columns are made with.
 * @internal
 */
export const columns = {
  text: () => new ColumnDefinition(textType),
  varchar(n: number) {
    if (!(Number.isInteger(n) && n >= 1 && n <= 10_485_760)) throw invalid('varchar', 'n', 'a whole number from 1 to 10485760', n)
    return new ColumnDefinition(varcharType(n))
  },
  integer: () => new ColumnDefinition(integerType),
  bigint: () => new ColumnDefinition(bigintType),
  numeric: () => new ColumnDefinition(numericType),
  double: () => new ColumnDefinition(doubleType),
  boolean: () => new ColumnDefinition(booleanType),
  timestamptz: () => new ColumnDefinition(timestamptzType),
  date: () => new ColumnDefinition(dateType),
  uuid: () => new ColumnDefinition(uuidType),
  jsonb: () => new ColumnDefinition(jsonbType),
  bytea: () => new ColumnDefinition(byteaType),
  array(of: unknown) {
    const expected = 'a column that is no array (Postgres has rectangles, not arrays of arrays: take jsonb) and has no default'
    if (!(of instanceof ColumnDefinition) || of.isArray || of.defaultTo !== undefined) throw invalid('array', 'of', expected, of)
    return new ColumnDefinition(arrayType(of.type, of.isNullable), false, undefined, true)
  },
} as unknown as Columns

function invalid(where: string, option: string, expected: string, value: unknown): MillraceError {
  return new MillraceError('MILL_OPTION_INVALID', {
    where,
    option,
    expected,
    given: value instanceof ColumnDefinition ? value.type.sql : shown(value),
  })
}
