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
  /**
   * The rows in COPY's text format, a line each, the last one ended too.
   *
   * @param ordinal - When given, each line begins with a cell more: this number, the next one, …
   * @param spare - What an earlier call gave and nobody needs any more: its memory is written over where it is large enough. Each batch would
   * else leave some MB to be collected, which under load pile up (bench memory.stalled: 74 MB with rows of 16 KB, 30 so).
   */
  copyText(rows: readonly unknown[], ordinal?: number, spare?: Buffer): Buffer
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

// Lines are joined as text and written together: a write has a price of its own, and so has flattening a long rope.
const CHUNK_LENGTH = 8_192
// UTF-8 has at most three bytes for a UTF-16 unit.
const MAX_BYTES_PER_UNIT = 3

function copyEncoder(columns: readonly (readonly [string, ColumnDefinition])[]): RowShape['copyText'] {
  const lineOf = lineEncoder(columns)
  let bytesPerRow = 256
  return (rows, ordinal, spare) => {
    let number = ordinal ?? 0
    let buffer = roomFor(Math.ceil(bytesPerRow * rows.length * 1.25) + CHUNK_LENGTH * MAX_BYTES_PER_UNIT, spare)
    let at = 0
    let text = ''
    const flush = () => {
      const needed = at + text.length * MAX_BYTES_PER_UNIT
      if (needed > buffer.length) buffer = grown(buffer, at, needed)
      at += buffer.write(text, at, 'utf8')
      text = ''
    }
    for (const row of rows as readonly Row[]) {
      text += ordinal === undefined ? lineOf(row) : `${number++}\t${lineOf(row)}`
      if (text.length >= CHUNK_LENGTH) flush()
    }
    flush()
    if (rows.length > 0) bytesPerRow = at / rows.length
    return buffer.subarray(0, at)
  }
}

/** All of the spare buffer's memory, of which it is the written part; or new memory where that is too small. */
function roomFor(bytes: number, spare: Buffer | undefined): Buffer {
  return spare !== undefined && spare.buffer.byteLength >= bytes ? Buffer.from(spare.buffer) : Buffer.allocUnsafeSlow(bytes)
}

function grown(buffer: Buffer, used: number, needed: number): Buffer {
  const larger = Buffer.allocUnsafeSlow(Math.max(needed, buffer.length * 2))
  buffer.copy(larger, 0, 0, used)
  return larger
}

function lineEncoder(columns: readonly (readonly [string, ColumnDefinition])[]): (row: Row) => string {
  const names = columns.map(([name]) => name)
  const encoders = columns.map(([, column]) => orNull(column, column.type.copy as Encode, '\\N'))
  const { length } = names
  return row => {
    let line = encoders[0]!(row[names[0]!])
    for (let i = 1; i < length; i++) line += `\t${encoders[i]!(row[names[i]!])}`
    return `${line}\n`
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
