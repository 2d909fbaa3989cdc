import type { MillraceError } from '../core/errors.js'
import { tableIdentifier } from '../drivers/postgres/literals.js'
import { compileCheck } from './check-row.js'
import { compileConflictKey } from './conflict-key.js'
import { type RowShape, rowShape } from './row-shape.js'
import { definitionOf, type Table, type TableDefinition } from './table.js'

/** Rows of one batch that give the same columns. */
export interface ShapedRows {
  readonly shape: RowShape
  readonly rows: readonly unknown[]
  /** Where each of `rows` stood among all rows, in the same order. Null where these are all of them. */
  readonly indexes: readonly number[] | null
}

/**
 * What a sink needs of a table: rows checked, and written for the server.
 *
 * ```ts
 * const codec = tableCodec(signups)
 * codec.checkRow(row)                                  // in SinkSession.check
 * for (const { shape, rows, indexes } of codec.shapesOf(all)) {
 *   `copy ${codec.sqlName} (${shape.columnList}) from stdin`, shape.copyParts(rows)
 *   `insert into ${codec.sqlName} (${shape.columnList}) select ${shape.recordsetSelect} from jsonb_to_recordset($1) as r(${shape.recordsetType})`, [shape.json(rows)]
 * }
 * ```
 */
export interface TableCodec {
  readonly definition: TableDefinition
  /** The quoted name: `"sales"."orders"`. */
  readonly sqlName: string
  readonly key: readonly string[]
  /** The first problem of a row; undefined where the server takes each of its values. Never throws. */
  readonly checkRow: (row: unknown) => MillraceError | undefined
  /** Rows that leave out the same columns with a default, together; in order, also within each group. Mostly one group, which is `rows` itself. */
  readonly shapesOf: (rows: readonly unknown[]) => readonly ShapedRows[]
  /**
   * One text for all rows that the server's unique index on the key takes for one; undefined where the table has no key, or the row leaves a key
   * column to its default. For lanes, sorting and "the last one wins". Never throws, not even for rows that `checkRow` refuses.
   */
  readonly conflictKey: (row: unknown) => string | undefined
}

const codecs = new WeakMap<TableDefinition, TableCodec>()

/**
 * The codec of a table, made on first use.
 *
 * @throws {MillraceError} `MILL_OPTION_INVALID` for what `table()` did not make.
 */
export function tableCodec<C, Key extends keyof C>(table: Table<C, Key>): TableCodec {
  const definition = definitionOf(table)
  const known = codecs.get(definition)
  if (known !== undefined) return known
  const codec: TableCodec = {
    definition,
    sqlName: tableIdentifier(definition.name),
    key: definition.key,
    checkRow: compileCheck(definition),
    shapesOf: compileShapes(definition),
    conflictKey: compileConflictKey(definition),
  }
  codecs.set(definition, codec)
  return codec
}

function compileShapes({ columns }: TableDefinition): (rows: readonly unknown[]) => readonly ShapedRows[] {
  const all = [...columns]
  const full = rowShape(all)
  const withDefault = all.filter(([, { defaultTo }]) => defaultTo !== undefined).map(([name]) => name)
  if (withDefault.length === 0) return rows => [{ shape: full, rows, indexes: null }]
  const shapes = new Map<string, RowShape>([['', full]])
  const shapeWithout = (left: string): RowShape => {
    const names = left.split('\0')
    const shape = rowShape(all.filter(([name]) => !names.includes(name)))
    shapes.set(left, shape)
    return shape
  }
  return rows => {
    const groups = new Map<string, { readonly rows: unknown[]; readonly indexes: number[] }>()
    for (const [index, row] of rows.entries()) {
      const left = leftOut(row as Readonly<Record<string, unknown>>, withDefault)
      let group = groups.get(left)
      if (group === undefined) {
        group = { rows: [], indexes: [] }
        groups.set(left, group)
      }
      group.rows.push(row)
      group.indexes.push(index)
    }
    return [...groups].map(([left, group]) => ({
      shape: shapes.get(left) ?? shapeWithout(left),
      rows: group.rows,
      indexes: groups.size === 1 ? null : group.indexes,
    }))
  }
}

/** The names of the columns left to their defaults, `''` where none is. */
function leftOut(row: Readonly<Record<string, unknown>>, withDefault: readonly string[]): string {
  let left = ''
  for (const name of withDefault) if (row[name] === undefined) left += left === '' ? name : `\0${name}`
  return left
}
