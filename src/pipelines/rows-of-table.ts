import type { RecordContext, Skipped } from '../core/record-context.js'
import type { Source } from '../core/source.js'
import type { Database } from '../drivers/postgres/database.js'
import { decode } from '../operators/decode.js'
import { handle } from '../operators/handle.js'
import { type Schema, type Valid, validate } from '../operators/validate.js'
import type { Limits } from '../runtime/limits.js'
import { definePipeline, type Pipeline } from '../runtime/pipeline.js'
import { type PostgresSinkOptions, postgresSink } from '../sinks/postgres.js'
import { postgresQuarantine } from '../stores/quarantine-postgres.js'
import type { RowOf, Table } from '../tables/table.js'

/** What the ready-made pipelines into a table have in common, wherever they read. */
export interface RowsOfTableOptions<S extends Schema, C, Key extends keyof C> {
  /** The pipeline's name: part of the ledger's key. All members of a consumer group have the same. */
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
  /** Bounds of the run. */
  readonly limits?: Partial<Limits>
}

/** Records → decoded → validated → handled → rows of a table, each exactly once, and what fails into quarantine in the same transaction. */
export function rowsOfTable<const S extends Schema, C, Key extends keyof C>(
  source: Source<Uint8Array | null>,
  format: 'json' | 'csv',
  { name, schema, toRow, concurrency, table, database, write, limits }: RowsOfTableOptions<S, C, Key>,
): Pipeline {
  return definePipeline({
    name,
    source,
    steps: records =>
      records.pipe(
        format === 'csv' ? decode('csv') : decode('json'),
        validate(schema),
        handle<Valid<S>, RowOf<C> | Skipped>(toRow, { concurrency: concurrency ?? 1 }),
      ),
    sink: postgresSink(database, table, { mode: 'append', ...write, ledger: true } as PostgresSinkOptions<C, Key>) as never,
    onFailure: postgresQuarantine(database),
    ...(limits !== undefined && { limits }),
    about: [`decode as ${format}`, 'validate against the schema', `make the row by toRow, ${concurrency ?? 1} at a time`],
  })
}
