import { MillraceError } from '../core/errors.js'
import { option, resolveOptions, shown } from '../core/options.js'
import { columns as builder, type Column, ColumnDefinition, type Columns } from './column.js'

type AnyColumns = { readonly [name: string]: Column<unknown, boolean> }
type TypeOf<C> = C extends Column<infer T, boolean> ? T : never
type Optional<C> = { [K in keyof C]: C[K] extends Column<unknown, false> ? never : K }[keyof C]
type Simplify<T> = { [K in keyof T]: T[K] } & {}

/** A row of a table with these columns: nullable ones and those with a default may be left out. */
export type RowOf<C> = Simplify<
  { readonly [K in Exclude<keyof C, Optional<C>>]: TypeOf<C[K]> } & { readonly [K in Optional<C>]?: TypeOf<C[K]> | undefined }
>

/** A table as a pipeline knows it: it types rows, checks their values, compares itself with the database, and makes the table. */
export interface Table<C, Key extends keyof C = never> {
  /** `orders` or `sales.orders`. */
  readonly name: string
  readonly columns: C
  /** The columns by which rows are told apart; a unique index must be on them. Empty where the table has no key. */
  readonly key: readonly Key[]
}

/** Options of {@link table}. */
export interface TableOptions<Key> {
  /** The columns by which rows are told apart: the primary key of a table that `create` makes. Default none. */
  readonly key?: readonly Key[]
  /** Makes the table at start where it is missing; an existing one is never altered. Default false. */
  readonly create?: boolean
  /** `'ignore'` lets fields pass that are no columns; without it they fail their record. */
  readonly extra?: 'ignore'
}

/**
 * What a table is made of, as sinks and stores see it.
 * @internal
 */
export interface TableDefinition {
  readonly name: string
  readonly columns: ReadonlyMap<string, ColumnDefinition>
  readonly key: readonly string[]
  readonly create: boolean
  readonly ignoresExtra: boolean
}

const definitions = new WeakMap<object, TableDefinition>()

/**
 * Defines a table: its name, its columns, and the key by which rows are told apart.
 *
 * Opens nothing. The sink that writes into it compares it with the database at start.
 *
 * @param name - `orders`, or with its schema `sales.orders`; quoted as it is given, so it is case-sensitive.
 * @throws {MillraceError} `MILL_OPTION_INVALID` for a name that Postgres cannot have, a key that names no column or a nullable one, a default that its
 * column does not take.
 */
export function table<C extends AnyColumns, const Key extends keyof NoInfer<C> = never>(
  name: string,
  columns: (c: Columns) => C,
  options: TableOptions<Key> = {},
): Table<C, Key> {
  const where = `table ${typeof name === 'string' ? name : shown(name)}`
  checkName(name, where)
  const { key, create, extra } = resolveOptions<Required<TableOptions<Key>>>(where, options, {
    key: option.matching('a list of columns', value => Array.isArray(value), { default: [] }),
    create: option.boolean({ default: false }),
    extra: option.oneOf(['ignore'], { optional: true }),
  })
  const made = Object.freeze({ ...columns(builder) })
  const definition: TableDefinition = {
    name,
    columns: checkedColumns(made, where),
    key: key.map(column => checkedKey(column, made, where)),
    create,
    ignoresExtra: extra === 'ignore',
  }
  const result: Table<C, Key> = Object.freeze({ name, columns: made, key: Object.freeze([...key]) })
  definitions.set(result, definition)
  return result
}

/**
 * The definition behind a table.
 *
 * @throws {MillraceError} `MILL_OPTION_INVALID` for anything that `table()` did not make.
 * @internal
 */
export function definitionOf(given: unknown): TableDefinition {
  const definition = typeof given === 'object' && given !== null ? definitions.get(given) : undefined
  if (definition !== undefined) return definition
  throw new MillraceError('MILL_OPTION_INVALID', { where: 'table', option: 'table', expected: 'what table() made', given: shown(given) })
}

const MAX_NAME_BYTES = 63

function isName(name: unknown): boolean {
  return typeof name === 'string' && name !== '' && !name.includes('\0') && name.isWellFormed() && Buffer.byteLength(name) <= MAX_NAME_BYTES
}

function checkName(name: unknown, where: string): void {
  const parts = typeof name === 'string' ? name.split('.') : []
  if ((parts.length === 1 || parts.length === 2) && parts.every(isName)) return
  const expected = `a name or schema.name, each of 1 to ${MAX_NAME_BYTES} bytes`
  throw new MillraceError('MILL_OPTION_INVALID', { where, option: 'name', expected, given: shown(name) })
}

function checkedColumns(columns: AnyColumns, where: string): ReadonlyMap<string, ColumnDefinition> {
  const checked = new Map<string, ColumnDefinition>()
  for (const [name, column] of Object.entries(columns)) {
    // A row that lacks a field of such a name would seem to have it.
    if (!isName(name) || name in Object.prototype) {
      const expected = `a name of 1 to ${MAX_NAME_BYTES} bytes that objects do not have by themselves`
      throw new MillraceError('MILL_OPTION_INVALID', { where, option: 'column', expected, given: shown(name) })
    }
    if (!(column instanceof ColumnDefinition)) {
      throw new MillraceError('MILL_OPTION_INVALID', {
        where,
        option: `column ${name}`,
        expected: 'a column like c.text()',
        given: shown(column),
      })
    }
    checked.set(name, column)
  }
  if (checked.size > 0) return checked
  throw new MillraceError('MILL_OPTION_INVALID', { where, option: 'columns', expected: 'at least one column', given: 'none' })
}

function checkedKey(column: PropertyKey, columns: AnyColumns, where: string): string {
  const known = typeof column === 'string' && Object.hasOwn(columns, column) ? columns[column] : undefined
  if (known instanceof ColumnDefinition && !known.isNullable) return column as string
  const expected = 'names of columns that are not nullable'
  throw new MillraceError('MILL_OPTION_INVALID', { where, option: 'key', expected, given: shown(column) })
}
