import type { FetchedMessage, GroupHandlers, GroupMember, GroupOptions, KafkaDriver, TopicPartition } from './driver.js'

/** What is fetched ahead of who reads: above it the partition is paused. */
const MAX_QUEUED_BYTES = 4 * 1024 * 1024

/** Offsets of one partition: `from` inclusive, `to` exclusive. */
export interface PartitionRange extends TopicPartition {
  readonly from: number
  readonly to: number
}

/**
 * Reads one partition from one offset up to another, as the only member of a group that nobody else has and that commits nothing. Gives what it fetched,
 * in order; leaves the group at the end, and when it is left early.
 *
 * @throws {MillraceError} `MILL_BATCH_UNREADABLE`, `MILL_KAFKA_AWAY` (retryable) and `MILL_KAFKA_REFUSED` (rights), also in the middle: it does not begin again by itself.
 */
export async function* readRange(driver: KafkaDriver, range: PartitionRange, groupId: string): AsyncGenerator<readonly FetchedMessage[]> {
  if (range.from >= range.to) return
  const reading = new Reading(range)
  const member = await driver.joinGroup(groupOptions(range.topic, groupId), reading)
  try {
    for (;;) {
      const messages = await reading.next()
      if (messages === null) return
      yield messages
      reading.taken(messages)
    }
  } finally {
    await member.stop()
  }
}

function groupOptions(topic: string, groupId: string): GroupOptions {
  return {
    groupId,
    topics: [topic],
    sessionTimeoutMs: 30_000,
    rebalanceTimeoutMs: 60_000,
    heartbeatIntervalMs: 3_000,
    maxBytesPerPartition: 2 * 1024 * 1024,
    maxBytes: 4 * 1024 * 1024,
    maxWaitMs: 100,
    partitionsConcurrently: 1,
  }
}

class Reading implements GroupHandlers {
  private readonly place: TopicPartition
  private member: GroupMember | undefined
  private readonly queue: (readonly FetchedMessage[])[] = []
  private queuedBytes = 0
  private isPaused = false
  private at: number
  private error: Error | undefined
  private wake: () => void = () => {}

  constructor(private readonly range: PartitionRange) {
    this.place = { topic: range.topic, partition: range.partition }
    this.at = range.from
  }

  /** Null at the end of the range. */
  async next(): Promise<readonly FetchedMessage[] | null> {
    for (;;) {
      const messages = this.queue.shift()
      if (messages !== undefined) return messages
      if (this.at >= this.range.to) return null
      if (this.error !== undefined) throw this.error
      await new Promise<void>(resolve => {
        this.wake = resolve
      })
    }
  }

  /** They are out of the queue: fetching goes on when it is empty. */
  taken(messages: readonly FetchedMessage[]): void {
    this.queuedBytes -= sizeOf(messages)
    if (!this.isPaused || this.queuedBytes > 0 || this.at >= this.range.to) return
    this.isPaused = false
    this.member?.resume([this.place])
  }

  onAssigned: GroupHandlers['onAssigned'] = (assigned, _, member) => {
    this.member = member
    const others = assigned.filter(({ partition }) => partition !== this.range.partition)
    if (others.length > 0) member.pause(others)
    if (others.length < assigned.length) member.seek({ ...this.place, offset: this.at })
  }

  onBatch: GroupHandlers['onBatch'] = async (batch, control) => {
    if (batch.partition !== this.range.partition || !control.isLive()) return
    const messages = batch.messages.filter(({ offset }) => offset >= this.at && offset < this.range.to)
    const broken = messages.find(({ fault }) => fault !== undefined)
    if (broken !== undefined) return this.onCrashed(broken.fault!)
    this.at = Math.max(this.at, batch.nextOffset)
    control.resolve(batch.nextOffset)
    if (messages.length > 0) {
      this.queue.push(messages)
      this.queuedBytes += sizeOf(messages)
    }
    if (this.queuedBytes > MAX_QUEUED_BYTES || this.at >= this.range.to) {
      this.isPaused = true
      this.member?.pause([this.place])
    }
    this.wake()
  }

  onSkipped: GroupHandlers['onSkipped'] = ({ partition }, nextOffset) => {
    if (partition === this.range.partition) this.at = Math.max(this.at, nextOffset)
    this.wake()
  }

  onCrashed: GroupHandlers['onCrashed'] = error => {
    this.error = error
    this.wake()
  }

  onRebalancing(): void {}
  onFetched(): void {}
}

function sizeOf(messages: readonly FetchedMessage[]): number {
  let bytes = 0
  for (const { value, headers } of messages) {
    bytes += value?.byteLength ?? 0
    for (const [, content] of headers) bytes += content.byteLength
  }
  return bytes
}
