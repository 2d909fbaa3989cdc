import { MillraceError } from '../core/errors.js'
import { nearest, shown } from '../core/options.js'
import type { ColumnDefinition } from './column.js'
import type { TableDefinition } from './table.js'

type Row = Readonly<Record<string, unknown>>
type Check = (row: Row) => MillraceError | undefined

/**
 * Makes the function that looks at a row before it is sent: undefined where the server would take each value, else the first problem as
 * `MILL_COLUMN_VALUE` or `MILL_COLUMN_UNKNOWN`. It never throws.
 *
 * What hangs on other rows or on the server (constraints, triggers, exclusion) is not seen here.
 */
export function compileCheck(definition: TableDefinition): (row: unknown) => MillraceError | undefined {
  const check = compileLoop(definition)
  const { name: table } = definition
  return row => {
    if (typeof row !== 'object' || row === null) return wrongRow(table, row)
    try {
      return check(row as Row)
    } catch (cause) {
      return wrongRow(table, row, cause)
    }
  }
}

function wrongRow(table: string, row: unknown, cause?: unknown): MillraceError {
  const expected = cause === undefined ? 'an object with at least one column as its field' : 'values that can be read'
  return new MillraceError(
    'MILL_COLUMN_VALUE',
    { table, column: '*', expected, given: cause === undefined ? shown(row) : shown(cause) },
    { cause },
  )
}

function compileLoop(definition: TableDefinition): Check {
  const { name: table, columns, ignoresExtra } = definition
  const names = [...columns.keys()]
  const rules = [...columns.values()].map(ruleOf)
  // Postgres can insert a row of defaults alone, but neither COPY nor a recordset can.
  const needsOne = [...columns.values()].every(({ defaultTo }) => defaultTo !== undefined)
  const { length } = names
  return row => {
    let present = 0
    for (let i = 0; i < length; i++) {
      const name = names[i]!
      const value = row[name]
      if (value !== undefined) present++
      const expected = rules[i]!(value)
      if (expected !== undefined) return new MillraceError('MILL_COLUMN_VALUE', { table, column: name, expected, given: given(value) })
    }
    if (present === 0 && needsOne) return wrongRow(table, row)
    if (ignoresExtra) return undefined
    // Counting is enough for rows without undefined fields: names are compared only where the count differs.
    let fields = 0
    for (const _ in row) fields++
    return fields === present ? undefined : unknownField(row, definition)
  }
}

function unknownField(row: Row, { name: table, columns }: TableDefinition): MillraceError | undefined {
  for (const field of Object.keys(row)) {
    if (columns.has(field)) continue
    return new MillraceError('MILL_COLUMN_UNKNOWN', { table, column: field, suggestion: nearest(field, [...columns.keys()]) })
  }
  return undefined
}

const given = (value: unknown): string => (value === undefined ? 'nothing' : shown(value))

/** The type's own rule, and before it what null and undefined mean in this column. */
function ruleOf({ type, isNullable, defaultTo }: ColumnDefinition): (value: unknown) => string | undefined {
  const { refuse, sql } = type
  const takesMissing = isNullable || defaultTo !== undefined
  // JSON has a null of its own.
  const takesNull = isNullable || sql === 'jsonb'
  return value => {
    if (value === undefined) return takesMissing ? undefined : 'a value: it is neither nullable nor has a default'
    if (value === null) return takesNull ? undefined : 'a value, not null'
    return refuse(value)
  }
}
