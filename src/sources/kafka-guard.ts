import { isRetryable } from '../core/retryable.js'
import type { SourceContext } from '../core/source.js'
import type { Admin, FetchedBatch } from '../drivers/kafka/driver.js'
import type { KafkaPartition } from './kafka-partition.js'
import { madeAnew, reportRemoved, type StartOptions } from './kafka-start.js'

/** What the guard asks of the session. */
export interface GuardHost {
  readonly context: SourceContext
  readonly start: StartOptions
  admin(): Promise<Admin>
  advance(partition: KafkaPartition, next: number): void
  fail(error: unknown): void
}

/** Holds against positions that jump: whatever is passed over is accounted for before it is believed. */
export class PositionGuard {
  /** Where the skips lead whose check is under way. */
  private readonly skipping = new Map<KafkaPartition, { to: number; done: Promise<void> }>()

  constructor(private readonly host: GuardHost) {}

  /** Whether the batch is the one that was to be read next; `'again'`: not surely, the next offset is to be asked for once more. */
  async admits(partition: KafkaPartition, batch: FetchedBatch): Promise<boolean | 'again'> {
    const { host } = this
    await this.skipping.get(partition)?.done
    const { next } = partition
    const verdict = partition.judge(batch)
    if (verdict === 'take') return true
    if (verdict === 'probe') return 'again'
    if (verdict === 'anew') {
      host.fail(madeAnew(partition, next, batch.endOffset, host.context.ledger, host.context.source))
      return false
    }
    if (!(await this.isEmpty(partition, next, batch.fetchedOffset))) return false
    partition.next = batch.fetchedOffset
    return true
  }

  /** Control records moved the position. Believed only where the partition still begins before: else what lay there was removed. */
  skip(partition: KafkaPartition, to: number): Promise<void> {
    const earlier = this.skipping.get(partition)
    // One behind another, at the end of the partition: nothing comes later that would tell of it again.
    if (earlier !== undefined) {
      earlier.to = Math.max(earlier.to, to)
      return earlier.done
    }
    const skip = { to, done: Promise.resolve() }
    this.skipping.set(partition, skip)
    skip.done = this.pass(partition, skip).finally(() => this.skipping.delete(partition))
    return skip.done
  }

  private async pass(partition: KafkaPartition, skip: { readonly to: number }): Promise<void> {
    while (partition.next < skip.to) {
      const { to } = skip
      if (!(await this.isEmpty(partition, partition.next, to))) return
      partition.next = to
      this.host.advance(partition, to)
    }
  }

  /** Whether there is no record from `from` up to `to`, or none any more and that is reported. False, too, where it became idle to ask. */
  private async isEmpty(partition: KafkaPartition, from: number, to: number): Promise<boolean> {
    try {
      const admin = await this.host.admin()
      const range = (await admin.ranges(partition.topic)).find(range => range.partition === partition.partition)
      if (partition.isLost || partition.next !== from) return false
      if (range !== undefined && range.low > from) reportRemoved(partition, from, Math.min(range.low, to), this.host.start)
      return true
    } catch (error) {
      if (!isRetryable(error)) this.host.fail(error)
      return false
    }
  }
}
