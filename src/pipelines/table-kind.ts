import { readFile } from 'node:fs/promises'
import { extname, resolve } from 'node:path'
import { ConfigError, type Problem } from '../config/config-error.js'
import { pathText } from '../config/config-path.js'
import type { MakeContext } from '../config/kind.js'
import { loadModule } from '../config/load-module.js'
import { isPlainObject } from '../config/plain-object.js'
import { problemsOf } from '../config/problems-of.js'
import { errorText } from '../core/error-report.js'
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
import { columnOf, type TableOption, tableOf } from './table-option.js'

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
  /** Where the source's options stand; `''` among the others. */
  readonly sourcePath: string
  /** Which options the source is made of. */
  readonly sourceOptions: readonly string[]
  readonly format: 'json' | 'csv'
  readonly context: MakeContext
}

/**
 * Makes a pipeline into a table. Each part is made by itself first, so that what is wrong with one does not hide what is wrong with another.
 * Opens nothing.
 *
 * @throws {ConfigError} With all problems.
 */
export async function makeTablePipeline(name: string, options: TableKindOptions, from: TableKindSource): Promise<Pipeline> {
  const { format, context } = from
  const { table, write = {}, concurrency = 1, limits } = options
  const draft = new Draft(context)
  const isSourceRight = from.sourceOptions.every(option => draft.isRight(option))
  const source = isSourceRight ? await draft.attempt(from.sourcePath, 'what the source takes', from.source) : undefined
  const schema = await draft.attempt('schema', SCHEMA, () => schemaOf(options.schema, context.directory))
  const toRow = options.toRow && (await draft.attempt('toRow', TO_ROW, () => functionOf(options.toRow!, context.directory)))
  const columns = columnsGiven(options)
  for (const [column, given] of Object.entries(columns))
    await draft.attempt(pathText(['table', 'columns', column]), 'a column', () => columnOf(given))
  if (draft.isRight('write.merge')) draft.add(unknownColumns(columns, write))
  if (schema !== undefined && !options.toRow) draft.add(columnsWithoutField(columns, schema))
  const madeTable = await draft.attempt('table', 'a table', () => tableOf(table))
  const database = await draft.attempt('database', 'a database', () => databaseOf(options.database, context.directory))
  const checkSink = () => postgresSink(database!, madeTable!, { mode: 'append', ...write, ledger: true } as never)
  if (database && madeTable) await draft.attempt('write', 'what fits the table', checkSink)
  draft.end()
  const made = { name, schema, table: madeTable, database, write, concurrency, ...(limits && { limits }) }
  const parts = { ...made, toRow: toRow ?? rowOfFields(table, format) }
  const pipeline = await draft.attempt('', 'a pipeline', () => rowsOfTable(source!, format, parts as never))
  draft.end()
  return pipeline!
}

const SCHEMA = 'a JSON Schema, the path of one, or the path of a module that exports a schema'
const TO_ROW = 'the path of a module whose default export is a function'

/** What is wrong so far. */
class Draft {
  private readonly problems: Problem[] = []

  constructor(private readonly context: MakeContext) {}

  /** Whether nothing is known to be wrong at an option or within. */
  isRight(option: string): boolean {
    return !this.context.isWrong?.(option) && !this.problems.some(({ path }) => path === option || path.startsWith(`${option}.`))
  }

  /** Undefined where the options of this part are wrong, as is known or is found out now. */
  async attempt<T>(path: string, expected: string, make: () => T | Promise<T>): Promise<T | undefined> {
    if (path !== '' && !this.isRight(path)) return undefined
    try {
      return await make()
    } catch (error) {
      this.add(problemsOf(error, placeOf(error) ?? path, expected))
      return undefined
    }
  }

  add(problems: readonly Problem[]): void {
    this.problems.push(...problems)
  }

  end(): void {
    if (this.problems.length > 0 || this.context.isWrong) throw new ConfigError('', this.problems)
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

/** Empty where there is something else in their place, which is known to be wrong then. */
function columnsGiven({ table }: TableKindOptions): TableOption['columns'] {
  const columns: unknown = (table as Partial<TableOption> | undefined)?.columns
  return isPlainObject(columns) ? (columns as TableOption['columns']) : {}
}

function unknownColumns(columns: TableOption['columns'], { merge = [] }: WriteOption): Problem[] {
  const names = Object.keys(columns)
  if (names.length === 0) return []
  return merge.flatMap((name, i) => {
    if (names.includes(name)) return []
    const suggestion = nearest(name, names)
    const expected = `a column of the table (there are: ${names.join(', ')})`
    return [{ path: `write.merge[${i}]`, expected, given: shown(name), ...(suggestion !== undefined && { suggestion }) }]
  })
}

/** Columns that need a value and can have none: the schema lets no record pass that has such a field. */
function columnsWithoutField(columns: TableOption['columns'], schema: unknown): Problem[] {
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
  if (extname(path) !== '.json') return loadModule(path, directory)
  try {
    return JSON.parse(await readFile(resolve(directory, path), 'utf8'))
  } catch (cause) {
    const reason = (cause as NodeJS.ErrnoException).code === 'ENOENT' ? 'is not there' : `cannot be read: ${errorText(cause)}`
    throw new Error(`${path}, which ${reason}`, { cause })
  }
}

type ToRow = (value: unknown, context: RecordContext) => Record<string, unknown> | Skipped

async function functionOf(path: string, directory: string): Promise<ToRow> {
  const made = await loadModule(path, directory)
  if (typeof made === 'function') return made as ToRow
  throw new ConfigError('', [{ path: '', expected: TO_ROW, given: `${path}, which exports ${shown(made)}` }])
}
