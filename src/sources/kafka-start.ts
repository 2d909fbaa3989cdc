import { MillraceError } from '../core/errors.js'
import type { Logger } from '../core/log.js'
import type { Admin, OffsetRange } from '../drivers/kafka/driver.js'
import type { KafkaPartition } from './kafka-partition.js'

/** Where a partition begins, and what is known of it. */
export interface Start {
  readonly next: number
  readonly end: number
  /** What the group has committed; 0 where it has nothing. */
  readonly committed: number
  /** Where the client begins by itself. */
  readonly fetchedFrom: number
}

/** How a beginning is found. */
export interface StartOptions {
  readonly source: string
  readonly groupId: string
  readonly startAt: 'earliest' | 'latest' | Date
  readonly onRemoved: 'fail' | 'continue'
  readonly log: Logger
}

/**
 * Where partitions begin: at the ledger's first hole, else at what the group committed, else as `startAt` says.
 *
 * @param ledgerAt - The first hole by partition name; left out where the ledger knows nothing.
 * @throws {MillraceError} `MILL_OFFSETS_REMOVED`; `MILL_LEDGER_AHEAD` or `MILL_OFFSET_OUT_OF_RANGE` where a partition ends before.
 */
export async function startsOf(
  admin: Admin,
  partitions: readonly KafkaPartition[],
  ledgerAt: ReadonlyMap<string, number>,
  options: StartOptions,
): Promise<ReadonlyMap<KafkaPartition, Start>> {
  const topics = [...new Set(partitions.map(({ topic }) => topic))]
  const committed = new Map<string, number>()
  for (const { topic, partition, offset } of await admin.committed(options.groupId, topics)) committed.set(`${topic}/${partition}`, offset)
  const starts = new Map<KafkaPartition, Start>()
  for (const topic of topics) {
    const ranges = new Map((await admin.ranges(topic)).map(range => [range.partition, range]))
    const { startAt } = options
    const offsets = startAt instanceof Date ? await admin.offsetsAt(topic, startAt.getTime()) : []
    const atDate = new Map(offsets.map(({ partition, offset }) => [partition, offset]))
    for (const partition of partitions) {
      if (partition.topic !== topic) continue
      const range = ranges.get(partition.partition) ?? { partition: partition.partition, low: 0, high: 0 }
      const ofGroup = committed.get(partition.name)
      const known = ledgerAt.get(partition.name) ?? ofGroup
      const fresh = startAt === 'earliest' ? range.low : startAt === 'latest' ? range.high : (atDate.get(range.partition) ?? range.high)
      const next = known === undefined ? Math.max(range.low, fresh) : within(partition, known, range, ledgerAt.has(partition.name), options)
      starts.set(partition, { next, end: range.high, committed: ofGroup ?? 0, fetchedFrom: ofGroup ?? range.low })
    }
  }
  return starts
}

/**
 * Says that records are gone which were not read.
 *
 * @throws {MillraceError} `MILL_OFFSETS_REMOVED` with `onRemoved: 'fail'`.
 */
export function reportRemoved({ topic, partition }: KafkaPartition, from: number, next: number, options: StartOptions): void {
  const error = new MillraceError('MILL_OFFSETS_REMOVED', { topic, partition, from, to: next - 1 })
  if (options.onRemoved === 'fail') throw error
  options.log.warn('retention removed records before they were read', { topic, partition, from, to: next - 1 })
}

/** The partition ends before what was read of it: it is another one. */
export function madeAnew(
  { name, topic, partition }: KafkaPartition,
  at: number,
  end: number,
  isLedger: boolean,
  source: string,
): MillraceError {
  if (!isLedger) return new MillraceError('MILL_OFFSET_OUT_OF_RANGE', { topic, partition, offset: at, end, whose: 'the group' })
  const found = `the partition ends at ${end}`
  return new MillraceError('MILL_LEDGER_AHEAD', { source, partition: name, covered: `positions up to ${at}`, found })
}

function within(partition: KafkaPartition, known: number, range: OffsetRange, isLedger: boolean, options: StartOptions): number {
  if (known > range.high) throw madeAnew(partition, known, range.high, isLedger, options.source)
  if (known >= range.low) return known
  reportRemoved(partition, known, range.low, options)
  return range.low
}
