import type { Clock } from '../core/clock.js'
import type { Logger } from '../core/log.js'
import { isRetryable } from '../core/retryable.js'
import type { Prefix } from '../core/source.js'
import type { TopicOffset } from '../drivers/kafka/driver.js'
import type { KafkaPartition } from './kafka-partition.js'

/** What the cadence asks of the session. */
export interface CommitsHost {
  readonly clock: Clock
  readonly log: Logger
  readonly everyMs: number
  readonly everyRecords: number
  /** The partitions that are ours at this moment. */
  readonly owned: () => ReadonlyMap<string, KafkaPartition>
  /** One attempt; rejects where there is no member. */
  readonly send: (offsets: readonly TopicOffset[]) => Promise<void>
  /** The group refuses for good. */
  readonly fail: (error: unknown) => void
}

/**
 * When the group is told what is settled: by time and by count, one request at a time, always of what holds at that moment.
 *
 * A commit that is refused is forgotten. Sent again as it was it could move back the offset of a partition that has another owner by then.
 */
export class CommitCadence {
  /** How many wait for each commit to be sent before it is answered: drains, the end of the run. */
  private hurried = 0
  private running: Promise<void> | null = null
  private cancel: (() => void) | null = null
  /** How many were acknowledged, and when the last was. */
  count = 0
  lastAt: number | null = null

  constructor(private readonly host: CommitsHost) {}

  /** From now on each commit is sent before it is answered, until the returned function is called. */
  hurry(): () => void {
    this.hurried++
    let isOver = false
    return () => {
      if (!isOver) this.hurried--
      isOver = true
    }
  }

  /** Takes note of what is settled. Rejects only while somebody is in a hurry. */
  async commit(done: readonly Prefix[]): Promise<void> {
    const owned = this.host.owned()
    for (const { partition, next } of done) {
      const known = owned.get(partition)
      if (known !== undefined && next > known.told) known.told = next
    }
    if (this.hurried > 0) return this.flush()
    const open = this.open()
    if (open >= this.host.everyRecords && this.running === null) this.tick()
    else if (open > 0) this.cancel ??= this.host.clock.after(this.host.everyMs, () => this.tick())
  }

  /** Sends what is not sent yet; rejects when it is refused. The request leaves before this returns, unless another is under way. */
  async flush(): Promise<void> {
    while (this.running !== null) await this.running.catch(() => {})
    this.stop()
    const partitions = [...this.host.owned().values()].filter(({ told, committed, isLost }) => !isLost && told > committed)
    if (partitions.length === 0) return
    const offsets = partitions.map(({ topic, partition, told }) => ({ topic, partition, offset: told }))
    const running = this.host.send(offsets)
    this.running = running
    try {
      await running
    } finally {
      this.running = null
    }
    for (const [i, partition] of partitions.entries()) partition.committed = Math.max(partition.committed, offsets[i]!.offset)
    this.count++
    this.lastAt = this.host.clock.now()
    this.host.log.debug('committed', { offsets, lag: Object.fromEntries(partitions.map(({ name, lag }) => [name, lag])) })
  }

  /** Cancels the timer. */
  stop(): void {
    this.cancel?.()
    this.cancel = null
  }

  /** As `flush`, where nobody waits: what is refused is computed anew at the next time. */
  tick(): void {
    this.stop()
    this.flush().catch(error => {
      if (!isRetryable(error)) return this.host.fail(error)
      this.host.log.debug('a commit was refused; it is computed anew', { error: String(error) })
      this.cancel ??= this.host.clock.after(this.host.everyMs, () => this.tick())
    })
  }

  /** How many positions are settled and not committed. */
  private open(): number {
    let open = 0
    for (const { told, committed } of this.host.owned().values()) if (told > committed) open += told - committed
    return open
  }
}
