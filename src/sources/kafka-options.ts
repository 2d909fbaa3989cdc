import { option, resolveOptions } from '../core/options.js'
import { type ConnectionGiven, connectionRules } from '../drivers/kafka/connection.js'
import type { GroupOptions, KafkaConnection } from '../drivers/kafka/driver.js'

/** Options of `kafkaSource`. */
export interface KafkaSourceOptions extends KafkaConnection {
  /** Names, or one expression. An expression is resolved when the run joins the group: a topic made later is read after the next start. */
  readonly topics: readonly string[] | RegExp
  /** The consumer group: all members of it share the partitions. */
  readonly groupId: string
  /** Where a partition begins of which the group has committed nothing: a Date means the first record at or after it. Default `'earliest'`. */
  readonly startAt?: 'earliest' | 'latest' | Date
  /** After how long without a heartbeat the group takes a member for dead. ms, from 1,000 up; the broker has bounds too. Default 30,000. */
  readonly sessionTimeoutMs?: number
  /** What one fetch takes of one partition, at most; a single larger batch comes all the same. Bytes, default 1 MiB. */
  readonly maxBytesPerPartition?: number
  /** How many partitions hand over their records at a time. Default 4. */
  readonly partitionsConcurrently?: number
  /** When retention removed records that were not read: `'fail'` ends the run, `'continue'` says so in the log and goes on. Default `'fail'`. */
  readonly onRemoved?: 'fail' | 'continue'
  /**
   * When a batch cannot be taken apart (damaged compression, a damaged log): `'fail'` ends the run, `'quarantine'` treats it as one failed record at its last
   * offset, whose bytes are the batch, and goes on behind it. Default `'fail'`.
   */
  readonly onUnreadable?: 'fail' | 'quarantine'
  /** How long a settled position may stay uncommitted. ms, default 1,000. */
  readonly commitEveryMs?: number
  /** How many settled positions may stay uncommitted. Default 5,000. */
  readonly commitEveryRecords?: number
  /** The name in origins and ledger. Default `'kafka'`. */
  readonly name?: string
}

/** What is read and how, with its defaults: all but the connection. */
export type KafkaReading = Required<Omit<KafkaSourceOptions, keyof KafkaConnection>>

const isNames = (value: unknown): boolean =>
  Array.isArray(value) && value.length > 0 && value.every(name => typeof name === 'string' && name !== '')

const readingRules = {
  topics: option.matching('a list of names, or a regular expression', value => value instanceof RegExp || isNames(value)),
  groupId: option.text(),
  startAt: option.matching("'earliest', 'latest' or a Date", isStart, { default: 'earliest' }),
  sessionTimeoutMs: option.wholeNumber(1_000, { default: 30_000 }),
  maxBytesPerPartition: option.wholeNumber(1, { default: 1024 * 1024 }),
  partitionsConcurrently: option.wholeNumber(1, { default: 4 }),
  onRemoved: option.oneOf(['fail', 'continue'], { default: 'fail' }),
  onUnreadable: option.oneOf(['fail', 'quarantine'], { default: 'fail' }),
  commitEveryMs: option.wholeNumber(1, { default: 1_000 }),
  commitEveryRecords: option.wholeNumber(1, { default: 5_000 }),
  name: option.text({ default: 'kafka' }),
} as const

/** @throws {MillraceError} `MILL_OPTION_INVALID`, `MILL_OPTION_UNKNOWN`. */
export function resolveKafkaOptions(options: KafkaSourceOptions): KafkaReading & ConnectionGiven {
  return resolveOptions<KafkaSourceOptions>('kafkaSource', options, { ...connectionRules, ...readingRules }) as KafkaReading &
    ConnectionGiven
}

/** As {@link resolveKafkaOptions}, where there is a driver already. */
export function resolveReading(options: Omit<KafkaSourceOptions, keyof KafkaConnection>): KafkaReading {
  return resolveOptions<typeof options>('kafkaSource', options, readingRules) as KafkaReading
}

/** How the members of the group join. */
export function groupOptionsOf(options: KafkaReading): GroupOptions {
  const { groupId, topics, sessionTimeoutMs, maxBytesPerPartition, partitionsConcurrently } = options
  return {
    groupId,
    topics,
    sessionTimeoutMs,
    maxBytesPerPartition,
    partitionsConcurrently,
    // As long as a slow member of the group may take to hand in what it holds.
    rebalanceTimeoutMs: 60_000,
    // At least three within a session: one may be lost.
    heartbeatIntervalMs: Math.min(3_000, Math.floor(sessionTimeoutMs / 4)),
    maxBytes: Math.max(10 * 1024 * 1024, maxBytesPerPartition),
    // Bounds how long a partition that is resumed waits for its first fetch: 4 s at the client's default of 5,000, measured.
    maxWaitMs: 500,
  }
}

function isStart(value: unknown): boolean {
  return value === 'earliest' || value === 'latest' || (value instanceof Date && !Number.isNaN(value.getTime()))
}
