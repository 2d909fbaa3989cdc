import { MillraceError } from '../core/errors.js'
import { shown } from '../core/options.js'
import { type TableOption, typeNameOf } from './table-option.js'

type Row = Record<string, unknown>

/**
 * Makes rows of values that have the columns as fields; other fields are left out.
 *
 * CSV has only texts: there a cell becomes what its column takes, and an empty one null where the column is nullable. A cell that is no such value
 * stays a text, which the column then refuses with its name.
 *
 * @throws {MillraceError} `MILL_VALUE_INVALID` for a value that is no object.
 */
export function rowOfFields({ columns }: TableOption, format: 'json' | 'csv'): (value: unknown) => Row {
  const names = Object.keys(columns)
  const readers = format === 'csv' ? names.map(name => readerOf(columns[name]!)) : null
  return value => {
    if (typeof value !== 'object' || value === null || Array.isArray(value)) {
      throw new MillraceError('MILL_VALUE_INVALID', { problems: [{ path: '', message: `must be an object, got ${shown(value)}` }] })
    }
    const row: Row = {}
    for (let i = 0; i < names.length; i++) {
      const name = names[i]!
      if (!Object.hasOwn(value, name)) continue
      const field = (value as Row)[name]
      row[name] = readers === null || typeof field !== 'string' ? field : readers[i]!(field)
    }
    return row
  }
}

type Read = (cell: string) => unknown

const wholeNumber = /^[+-]?\d+$/
const anyNumber = /^[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?$/i
const booleans: ReadonlyMap<string, boolean> = new Map([
  ['true', true],
  ['t', true],
  ['yes', true],
  ['1', true],
  ['false', false],
  ['f', false],
  ['no', false],
  ['0', false],
])

const reads: Readonly<Record<string, Read>> = {
  integer: cell => (anyNumber.test(cell) ? Number(cell) : cell),
  bigint: cell => (wholeNumber.test(cell) ? BigInt(cell) : cell),
  double: cell => (anyNumber.test(cell) ? Number(cell) : cell),
  boolean: cell => booleans.get(cell.toLowerCase()) ?? cell,
  jsonb: jsonOr,
}

function readerOf(column: TableOption['columns'][string]): Read {
  const isNullable = typeof column === 'object' && column.nullable === true
  const isArray = (typeof column === 'string' ? column : column.type).endsWith('[]')
  const read = isArray ? jsonOr : (reads[typeNameOf(column)] ?? (cell => cell))
  return isNullable ? cell => (cell === '' ? null : read(cell)) : read
}

function jsonOr(cell: string): unknown {
  try {
    return JSON.parse(cell)
  } catch {
    return cell
  }
}
