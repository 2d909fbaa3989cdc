import type { RecordContext, Skipped } from '../core/record-context.js'
import type { Database } from '../drivers/postgres/database.js'
import { decode } from '../operators/decode.js'
import { handle } from '../operators/handle.js'
import { type Schema, type Valid, validate } from '../operators/validate.js'
import { definePipeline, type Pipeline } from '../runtime/pipeline.js'
import { type PostgresSinkOptions, postgresSink } from '../sinks/postgres.js'
import { type FilesSourceOptions, filesSource } from '../sources/files.js'
import { postgresQuarantine } from '../stores/quarantine-postgres.js'
import type { RowOf, Table } from '../tables/table.js'

/** Options of {@link filesToPostgres}. */
export interface FilesToPostgresOptions<S extends Schema, C, Key extends keyof C>
  extends Pick<FilesSourceOptions, 'paths' | 'root' | 'format' | 'followLinks'> {
  /** The pipeline's name: part of the ledger's key. */
  readonly name: string
  /** What a record must be: JSON Schema, or any Standard Schema. What is not goes to quarantine with every path that is wrong. */
  readonly schema: S
  /** Makes the row. May be asynchronous; `return context.skip(reason)` lets a record go without one, a throw quarantines it. */
  readonly toRow: (value: Valid<S>, context: RecordContext) => RowOf<C> | Skipped | Promise<RowOf<C> | Skipped>
  /** How many `toRow` are under way at a time, where it is asynchronous. Default 1. */
  readonly concurrency?: number
  readonly table: Table<C, Key>
  /** Rows, quarantine and ledger go into this one database, each batch in one transaction. */
  readonly database: Database
  /** Default `{ mode: 'append' }`. The ledger is always kept. */
  readonly write?: PostgresSinkOptions<C, Key>
}

/**
 * The main job, ready-made: files → decoded → validated → handled → rows of a table, each exactly once, and what fails into quarantine.
 *
 * Run it again and it goes on where it stopped, after a kill too; files that have grown are read on.
 *
 * @throws {MillraceError} `MILL_OPTION_INVALID` and the like for wrong options; nothing is opened before the pipeline is started.
 */
export function filesToPostgres<const S extends Schema, C, Key extends keyof C = never>(
  options: FilesToPostgresOptions<S, C, Key>,
): Pipeline {
  const { name, paths, root, format, followLinks, schema, toRow, concurrency, table, database, write } = options
  return definePipeline({
    name,
    source: filesSource({ paths, format, ...(root !== undefined && { root }), ...(followLinks !== undefined && { followLinks }) }),
    steps: records =>
      records.pipe(
        format === 'csv' ? decode('csv') : decode('json'),
        validate(schema),
        handle<Valid<S>, RowOf<C> | Skipped>(toRow, { concurrency: concurrency ?? 1 }),
      ),
    sink: postgresSink(database, table, { mode: 'append', ...write, ledger: true } as PostgresSinkOptions<C, Key>) as never,
    onFailure: postgresQuarantine(database),
  })
}
