import { identifier } from '../drivers/postgres/literals.js'
import type { ColumnDefinition } from './column.js'

type Row = Readonly<Record<string, unknown>>
type Encode = (value: unknown) => string

/**
 * How rows that give the same columns are sent: the others get their defaults. All names in its texts are quoted.
 *
 * Rows must have passed `checkRow`.
 */
export interface RowShape {
  readonly columns: readonly string[]
  /** For `insert into t (…)` and `copy t (…)`: `"id", "email"`. */
  readonly columnList: string
  /** For `jsonb_to_recordset($1) as r(…)`: `"id" bigint, "email" text`. */
  readonly recordsetType: string
  /** For `select … from jsonb_to_recordset($1) as r(…)`, in the order of `columns`: `r."id", coalesce(r."body", 'null')`. */
  readonly recordsetSelect: string
  /** The rows in COPY's text format, a line each, the last one ended too. */
  copyText(rows: readonly unknown[]): string
  /** The rows as a JSON array of objects, for `jsonb_to_recordset`. */
  json(rows: readonly unknown[]): string
}

/** Makes the encoders of a shape: once per table and set of columns. */
export function rowShape(columns: readonly (readonly [name: string, column: ColumnDefinition])[]): RowShape {
  return {
    columns: columns.map(([name]) => name),
    columnList: columns.map(([name]) => identifier(name)).join(', '),
    recordsetType: columns.map(([name, { type }]) => `${identifier(name)} ${type.sql}`).join(', '),
    recordsetSelect: columns.map(selected).join(', '),
    copyText: copyEncoder(columns),
    json: jsonEncoder(columns),
  }
}

/** A recordset makes NULL of JSON's null, for jsonb columns too; where the column takes no NULL, JSON's own null was meant. */
function selected([name, { type, isNullable }]: readonly [string, ColumnDefinition]): string {
  const value = `r.${identifier(name)}`
  return type.sql === 'jsonb' && !isNullable ? `coalesce(${value}, 'null')` : value
}

function copyEncoder(columns: readonly (readonly [string, ColumnDefinition])[]): (rows: readonly unknown[]) => string {
  const names = columns.map(([name]) => name)
  const encoders = columns.map(([, column]) => orNull(column, column.type.copy as Encode, '\\N'))
  const { length } = names
  return rows => {
    let text = ''
    for (const row of rows as readonly Row[]) {
      text += encoders[0]!(row[names[0]!])
      for (let i = 1; i < length; i++) text += `\t${encoders[i]!(row[names[i]!])}`
      text += '\n'
    }
    return text
  }
}

function jsonEncoder(columns: readonly (readonly [string, ColumnDefinition])[]): (rows: readonly unknown[]) => string {
  const names = columns.map(([name]) => name)
  const openings = names.map((name, i) => `${i === 0 ? '{' : ','}${JSON.stringify(name)}:`)
  const encoders = columns.map(([, column]) => orNull(column, column.type.json as Encode, 'null'))
  const { length } = names
  return rows => {
    let text = '['
    for (const row of rows as readonly Row[]) {
      if (text.length > 1) text += ','
      for (let i = 0; i < length; i++) text += openings[i]! + encoders[i]!(row[names[i]!])
      text += '}'
    }
    return `${text}]`
  }
}

/** Only a jsonb column that is not nullable writes null itself. */
function orNull({ type, isNullable }: ColumnDefinition, encode: Encode, nothing: string): Encode {
  if (!isNullable && type.sql === 'jsonb') return encode
  return value => (value === null || value === undefined ? nothing : encode(value))
}
