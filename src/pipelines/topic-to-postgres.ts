import type { Schema } from '../operators/validate.js'
import type { Pipeline } from '../runtime/pipeline.js'
import { kafkaSource } from '../sources/kafka.js'
import type { KafkaSourceOptions } from '../sources/kafka-options.js'
import { type RowsOfTableOptions, rowsOfTable } from './rows-of-table.js'

/** Options of {@link topicToPostgres}. A message is JSON. */
export interface TopicToPostgresOptions<S extends Schema, C, Key extends keyof C> extends RowsOfTableOptions<S, C, Key> {
  /** What is read, and as which consumer group. */
  readonly from: KafkaSourceOptions
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
  return rowsOfTable(kafkaSource(options.from), 'json', options)
}
