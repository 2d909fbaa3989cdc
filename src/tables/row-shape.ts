import { identifier } from '../drivers/postgres/literals.js'
import type { ColumnDefinition } from './column.js'

type Row = Readonly<Record<string, unknown>>
type Encode = (value: unknown) => string

/** How large a part of encoded rows may be. Below 128 KiB, from where on glibc's malloc asks the kernel for each piece of memory. */
export const PART_BYTES = 120 * 1024
/** Gives `PART_BYTES` of memory, all of which may be written over. */
export type PartMemory = () => Buffer

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
   * The rows in COPY's text format, a line each, the last one ended too: in parts, each encoded when it is asked for. A part may end
   * within a line, never within a character.
   *
   * @param ordinal - When given, each line begins with a cell more: this number, the next one, …
   * @param memory - Gives each part what it is written into. Default: new memory.
   */
  copyParts(rows: readonly unknown[], ordinal?: number, memory?: PartMemory): Iterable<Buffer>
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
    copyParts: copyEncoder(columns),
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
const MAX_UNITS = Math.floor(PART_BYTES / MAX_BYTES_PER_UNIT)
const newPart = () => Buffer.allocUnsafeSlow(PART_BYTES)

function copyEncoder(columns: readonly (readonly [string, ColumnDefinition])[]): RowShape['copyParts'] {
  const lineOf = lineEncoder(columns)
  return function* (rows, ordinal, memory = newPart) {
    let part = memory()
    let at = 0
    let text = ''
    for (let i = 0; i < rows.length; i++) {
      const line = lineOf(rows[i] as Row)
      text += ordinal === undefined ? line : `${ordinal + i}\t${line}`
      if (text.length < CHUNK_LENGTH && i < rows.length - 1) continue
      for (let from = 0; from < text.length; ) {
        const to = endOfPiece(text, from)
        if (at + (to - from) * MAX_BYTES_PER_UNIT > part.length) {
          yield part.subarray(0, at)
          part = memory()
          at = 0
        }
        at += part.write(to - from === text.length ? text : text.slice(from, to), at, 'utf8')
        from = to
      }
      text = ''
    }
    if (at > 0) yield part.subarray(0, at)
  }
}

/** Up to where a text from `from` on surely has room in a part, the halves of a surrogate pair together. */
function endOfPiece(text: string, from: number): number {
  const to = from + MAX_UNITS
  if (to >= text.length) return text.length
  return (text.charCodeAt(to - 1) & 0xfc00) === 0xd800 ? to - 1 : to
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
