// What `millrace` gives out, room by room. Tests of pipelines take theirs from `millrace/testing`.
export {
  type Config,
  defineConfig,
  type KindOptions,
  type LogConfig,
  type MonitoringConfig,
  type PipelineFactory,
  type PipelineOfKind,
  type PipelineOfModule,
  type RestartConfig,
} from './config/config.js'
export type { Attempt } from './core/attempts.js'
export { type Backoff, type BackoffOptions, exponentialBackoff } from './core/backoff.js'
export { type Clock, systemClock } from './core/clock.js'
export { Envelope, join } from './core/envelope.js'
export { type ErrorClass, errorClassOf } from './core/error-class.js'
export { type ErrorReport, errorReport } from './core/error-report.js'
export { type ErrorCode, type ErrorDetails, isMillraceError, MillraceError } from './core/errors.js'
export type { FanOutSink, Fits, RouteSink } from './core/fit.js'
export type { Flow } from './core/flow.js'
export { type HeaderPair, RecordHeaders } from './core/headers.js'
export type {
  FaultKind,
  Finding,
  Inspectable,
  InspectionContext,
  LedgerBooks,
  LedgerPartition,
  LedgerSelection,
} from './core/inspection.js'
export { type Logger, silentLog } from './core/log.js'
export { type Operator, recordOperator } from './core/operator.js'
export { type OptionRule, option, resolveOptions } from './core/options.js'
export { type Origin, originText, type Position } from './core/position.js'
export type { PositionEntry, Positions, PositionsSession, StoredPosition } from './core/positions.js'
export type { Failure, Quarantine, QuarantinedRecord, QuarantineEntry, QuarantineFilter, QuarantineSession } from './core/quarantine.js'
export type { Ranges } from './core/ranges.js'
export type { RecordContext, Skipped } from './core/record-context.js'
export { isRetryable } from './core/retryable.js'
export {
  type Batch,
  BatchError,
  type BatchLimits,
  type Cover,
  CoveredError,
  FencedError,
  type Held,
  type Sink,
  type SinkContext,
  type SinkSession,
  type TableSink,
} from './core/sink.js'
export type { Codec, Identity, Incoming, Prefix, Settlement, Source, SourceContext, SourceOf, SourceSession } from './core/source.js'
export type { SourceFacts } from './core/source-facts.js'
export { version } from './core/version.js'
export type { KafkaConnection, KafkaSasl } from './drivers/kafka/driver.js'
export { type Database, postgres } from './drivers/postgres/database.js'
export type { EmbeddedOptions, ServerOptions } from './drivers/postgres/database-options.js'
export { type Decode, type DecodeJsonOptions, decode } from './operators/decode.js'
export { type HandleOptions, handle } from './operators/handle.js'
export { keep } from './operators/keep.js'
export { split } from './operators/split.js'
export { type Given, type NotPromise, transform } from './operators/transform.js'
export { type Schema, type Valid, validate } from './operators/validate.js'
export { type FilesToPostgresOptions, filesToPostgres } from './pipelines/files-to-postgres.js'
export type { FilesToPostgresConfig } from './pipelines/files-to-postgres-kind.js'
export { type TopicToPostgresOptions, topicToPostgres } from './pipelines/topic-to-postgres.js'
export type { TopicToPostgresConfig } from './pipelines/topic-to-postgres-kind.js'
export { type RetryOptions, type RetryRule, withRetry } from './policies/with-retry.js'
export { type TimeoutOptions, withTimeout } from './policies/with-timeout.js'
export { type ReplayOptions, replay } from './replay/replay.js'
export type { Limits } from './runtime/limits.js'
export type { RunObserver, StartedBatch, WrittenBatch } from './runtime/observer.js'
export { definePipeline, type Pipeline, type PipelineDefinition, type Sources, type Streams } from './runtime/pipeline.js'
export type { PipelineRun, RunSnapshot, StartOptions } from './runtime/run.js'
export type { RunState } from './runtime/run-state.js'
export { type Supervisor, type SupervisorOptions, supervise } from './runtime/supervisor.js'
export type { ActorSnapshot, ActorState } from './runtime/supervisor-actor.js'
export type { RestartPolicy } from './runtime/supervisor-restarts.js'
export type { ActorTotals } from './runtime/supervisor-totals.js'
export type { RunSummary } from './runtime/tally.js'
export { fanOut } from './sinks/fan-out.js'
export { type KafkaSinkOptions, kafkaSink } from './sinks/kafka.js'
export { type MemorySink, memorySink } from './sinks/memory.js'
export { type PostgresSinkLimits, type PostgresSinkOptions, postgresSink } from './sinks/postgres.js'
export { route } from './sinks/route.js'
export type { FileFormat } from './sources/file-records.js'
export { type FilesSourceOptions, filesSource } from './sources/files.js'
export { kafkaSource } from './sources/kafka.js'
export type { KafkaSourceOptions } from './sources/kafka-options.js'
export { type MemorySource, memorySource } from './sources/memory.js'
export { quarantinedSource } from './sources/quarantined.js'
export { type MemoryStore, memoryStore } from './stores/memory-store.js'
export { filePositions } from './stores/positions-file.js'
export { memoryPositions } from './stores/positions-memory.js'
export { postgresPositions } from './stores/positions-postgres.js'
export { type FileQuarantineOptions, fileQuarantine } from './stores/quarantine-file.js'
export { type KafkaQuarantineOptions, kafkaQuarantine } from './stores/quarantine-kafka.js'
export { type MemoryQuarantine, memoryQuarantine } from './stores/quarantine-memory.js'
export { postgresQuarantine } from './stores/quarantine-postgres.js'
export type { Column, Columns } from './tables/column.js'
export { type RowOf, type Table, type TableOptions, table } from './tables/table.js'
