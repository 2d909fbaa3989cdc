import type { RecordContext, Skipped } from '../core/record-context.js'
import type { Database } from '../drivers/postgres/database.js'
import { decode } from '../operators/decode.js'
import { handle } from '../operators/handle.js'
import { type Schema, type Valid, validate } from '../operators/validate.js'
import { definePipeline, type Pipeline } from '../runtime/pipeline.js'
import { type PostgresSinkOptions, postgresSink } from '../sinks/postgres.js'
import { kafkaSource } from '../sources/kafka.js'
import type { KafkaSourceOptions } from '../sources/kafka-options.js'
import { postgresQuarantine } from '../stores/quarantine-postgres.js'
import type { RowOf, Table } from '../tables/table.js'

/** Options of {@link topicToPostgres}. */
export interface TopicToPostgresOptions<S extends Schema, C, Key extends keyof C> {
  /** The pipeline's name: part of the ledger's key. Members of one group share it. */
  readonly name: string
  /** What is read, and as which consumer group. */
  readonly from: KafkaSourceOptions
  /** What a message, which is JSON, must be: JSON Schema, or any Standard Schema. What is not goes to quarantine with every path that is wrong. */
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
 * Topics into a table, ready-made: messages → decoded → validated → handled → rows, each exactly once, and what fails into quarantine.
 *
 * Start it on as many machines as there are partitions: they share them, and a member that takes a partition over goes on where the ledger ends.
 *
 * @throws {MillraceError} `MILL_OPTION_INVALID` and the like for wrong options; nothing is opened before the pipeline is started.
 */
export function topicToPostgres<const S extends Schema, C, Key extends keyof C = never>(
  options: TopicToPostgresOptions<S, C, Key>,
): Pipeline {
  const { name, from, schema, toRow, concurrency, table, database, write } = options
  return definePipeline({
    name,
    source: kafkaSource(from),
    steps: records =>
      records.pipe(decode('json'), validate(schema), handle<Valid<S>, RowOf<C> | Skipped>(toRow, { concurrency: concurrency ?? 1 })),
    sink: postgresSink(database, table, { mode: 'append', ...write, ledger: true } as PostgresSinkOptions<C, Key>) as never,
    onFailure: postgresQuarantine(database),
  })
}
