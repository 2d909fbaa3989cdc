import { readFile } from 'node:fs/promises'
import { extname, resolve } from 'node:path'
import { ConfigError, type Problem } from '../config/config-error.js'
import { loadModule } from '../config/load-module.js'
import { problemsOf } from '../config/problems-of.js'
import { isMillraceError } from '../core/errors.js'
import { nearest, shown } from '../core/options.js'
import type { RecordContext, Skipped } from '../core/record-context.js'
import type { Source } from '../core/source.js'
import { type Schema, validate } from '../operators/validate.js'
import type { Limits } from '../runtime/limits.js'
import type { Pipeline } from '../runtime/pipeline.js'
import { type PostgresSinkLimits, postgresSink } from '../sinks/postgres.js'
import { type DatabaseOption, databaseOf } from './database-option.js'
import { rowOfFields } from './row-of-fields.js'
import { rowsOfTable } from './rows-of-table.js'
import { type TableOption, tableOf } from './table-option.js'

/** What the ready-made pipelines into a table take in a config, wherever they read. */
export interface TableKindOptions {
  /** What a record must be: a JSON Schema, the path of one, or the path of a module that exports a schema. Default: an object. */
  readonly schema?: string | object
  /** The path of a module with a default function that makes the row. Default: the fields that are columns. */
  readonly toRow?: string
  /** How many `toRow` are under way at a time, where it is asynchronous. Default 1. */
  readonly concurrency?: number
  readonly table: TableOption
  readonly database: DatabaseOption
  /** Default `{ mode: 'append' }`. The ledger is always kept. */
  readonly write?: WriteOption
  readonly limits?: Partial<Limits>
}

/** How rows are written, as a config says it. */
export interface WriteOption extends PostgresSinkLimits {
  /** Default `'append'`. */
  readonly mode?: 'append' | 'upsert' | 'update'
  readonly onDuplicate?: 'ignore' | 'quarantine'
  readonly merge?: readonly string[]
}

/** Where a {@link TableKindOptions} pipeline reads. */
export interface TableKindSource {
  /** Makes the source, or throws what is wrong with its options. */
  readonly source: () => Source<Uint8Array | null>
  /** Where the source's options stand. */
  readonly sourcePath: string
  readonly format: 'json' | 'csv'
  readonly directory: string
}

/**
 * Makes a pipeline into a table. Each part is made by itself first, so that what is wrong with one does not hide what is wrong with another.
 * Opens nothing.
 *
 * @throws {ConfigError} With all problems.
 */
export async function makeTablePipeline(name: string, options: TableKindOptions, from: TableKindSource): Promise<Pipeline> {
  const { directory, format } = from
  const { table, write = {} } = options
  const draft = new Draft()
  const source = await draft.attempt(from.sourcePath, from.source)
  const schema = await draft.attempt('schema', () => schemaOf(options.schema, directory))
  const makeRow = options.toRow === undefined ? () => rowOfFields(table, format) : () => functionOf(options.toRow!, directory)
  const toRow = await draft.attempt('toRow', makeRow)
  const madeTable = await draft.attempt('table', () => tableOf(table))
  const database = await draft.attempt('database', () => databaseOf(options.database, directory))
  draft.problems.push(...unknownColumns(table, write))
  if (options.toRow === undefined && schema !== undefined) draft.problems.push(...columnsWithoutField(table, schema))
  const checkSink = () => postgresSink(database!, madeTable!, { mode: 'append', ...write, ledger: true } as never)
  if (database && madeTable && draft.problems.every(({ path }) => !path.startsWith('write'))) await draft.attempt('write', checkSink)
  draft.end()
  const { concurrency = 1, limits } = options
  const parts = { name, schema, toRow, concurrency, table: madeTable, database, write: write as never, ...(limits && { limits }) }
  const pipeline = await draft.attempt('', () => rowsOfTable(source!, format, parts as never))
  draft.end()
  return pipeline!
}

/** What is wrong so far. */
class Draft {
  readonly problems: Problem[] = []

  async attempt<T>(path: string, make: () => T | Promise<T>): Promise<T | undefined> {
    try {
      return await make()
    } catch (error) {
      this.problems.push(...problemsOf(error, placeOf(error) ?? path))
      return undefined
    }
  }

  end(): void {
    if (this.problems.length > 0) throw new ConfigError('', this.problems)
  }
}

/** Where the options stand that the definition as a whole refuses. */
function placeOf(error: unknown): string | undefined {
  if (isMillraceError(error, 'MILL_BATCH_EXCEEDS_WINDOW')) return 'limits.maxInFlight'
  const isOption = isMillraceError(error, 'MILL_OPTION_INVALID') || isMillraceError(error, 'MILL_OPTION_UNKNOWN')
  const where = isOption ? error.details.where : ''
  if (/^pipeline .*, limits$/.test(where)) return 'limits'
  return /^sink .*, batch$/.test(where) ? 'write.batch' : undefined
}

function unknownColumns({ columns }: TableOption, { merge = [] }: WriteOption): Problem[] {
  const names = Object.keys(columns)
  return merge.flatMap((name, i) => {
    if (names.includes(name)) return []
    const suggestion = nearest(name, names)
    const expected = `a column of the table (there are: ${names.join(', ')})`
    return [{ path: `write.merge[${i}]`, expected, given: shown(name), ...(suggestion !== undefined && { suggestion }) }]
  })
}

/** Columns that need a value and can have none: the schema lets no record pass that has such a field. */
function columnsWithoutField({ columns }: TableOption, schema: unknown): Problem[] {
  const { properties, additionalProperties } = schema as { readonly properties?: object; readonly additionalProperties?: unknown }
  if (additionalProperties !== false || typeof properties !== 'object' || 'patternProperties' in (schema as object)) return []
  const fields = Object.keys(properties)
  return Object.entries(columns).flatMap(([name, column]) => {
    const isOptional = typeof column === 'object' && (column.nullable === true || column.default !== undefined)
    if (isOptional || fields.includes(name)) return []
    const suggestion = nearest(name, fields)
    const expected = `a field of the schema (there are: ${fields.join(', ')}), or a column that is nullable or has a default`
    return [{ path: `table.columns.${name}`, expected, given: shown(name), ...(suggestion !== undefined && { suggestion }) }]
  })
}

async function schemaOf(given: string | object | undefined, directory: string): Promise<Schema> {
  const schema = (typeof given === 'string' ? await schemaAt(given, directory) : (given ?? { type: 'object' })) as Schema
  // For its checks alone; what was compiled is kept for the run.
  validate(schema)
  return schema
}

async function schemaAt(path: string, directory: string): Promise<unknown> {
  if (extname(path) === '.json') return JSON.parse(await readFile(resolve(directory, path), 'utf8'))
  return loadModule(path, directory)
}

type ToRow = (value: unknown, context: RecordContext) => Record<string, unknown> | Skipped

async function functionOf(path: string, directory: string): Promise<ToRow> {
  const made = await loadModule(path, directory)
  if (typeof made === 'function') return made as ToRow
  const expected = 'the path of a module whose default export is a function'
  throw new ConfigError('', [{ path: '', expected, given: `${path}, which exports ${shown(made)}` }])
}
