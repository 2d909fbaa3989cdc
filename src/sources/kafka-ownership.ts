import { exponentialBackoff } from '../core/backoff.js'
import { delay } from '../core/clock.js'
import { isRetryable } from '../core/retryable.js'
import type { GroupMember, TopicPartition } from '../drivers/kafka/driver.js'
import { KafkaPartition, partitionName } from './kafka-partition.js'
import type { FairQueue } from './kafka-queue.js'
import { type TakeOverHost, takeOver } from './kafka-take-over.js'

/** What the ownership of partitions asks of the session. */
export interface OwnershipHost extends TakeOverHost {
  readonly queue: FairQueue
  /** There is nothing to read before `next` but what was given. */
  advance(partition: KafkaPartition, next: number): void
  /** A sign of life from the broker. */
  fetched(): void
  /** The run is to end. */
  fail(error: unknown): void
}

/** The partitions of one member: takes them over when the group deals them out, gives them up, and takes one over again that was fenced. */
export class Ownership {
  readonly partitions = new Map<string, KafkaPartition>()

  /** @param ending - Aborted with the membership. */
  constructor(
    private readonly host: OwnershipHost,
    private readonly member: () => GroupMember | null,
    private readonly ending: AbortSignal,
  ) {}

  get names(): readonly string[] {
    return [...this.partitions.keys()]
  }

  of(at: TopicPartition): KafkaPartition | undefined {
    return this.partitions.get(partitionName(at))
  }

  /** What the group has dealt out: what the same member keeps goes on where it is, the rest is taken over. */
  deal(assigned: readonly TopicPartition[], isSameMember: boolean): void {
    const names = new Set(assigned.map(partitionName))
    // Under a new id it may have missed a generation, in which the partition had another owner.
    this.lose([...this.partitions.values()].filter(({ name }) => !isSameMember || !names.has(name)))
    const fresh: KafkaPartition[] = []
    for (const given of assigned) {
      const kept = this.of(given)
      if (kept === undefined) fresh.push(this.add(given))
      else if (kept.isReady) this.seek(kept)
    }
    this.host.context.log.info('partitions assigned', { owned: this.names, fresh: fresh.map(({ name }) => name), isSameMember })
    if (fresh.length > 0) this.failing(this.takeOver(fresh))
  }

  loseAll(): void {
    this.lose([...this.partitions.values()])
  }

  /**
   * Takes a partition over once more, after another owner has taken it in the ledger: if the group says that it is ours. A member that was asleep learns so
   * that it is none any more, and joins anew. What is in flight of the other partitions goes on.
   */
  regain(name: string): void {
    const lost = this.partitions.get(name)
    if (lost === undefined || this.ending.aborted) return
    this.lose([lost])
    const partition = this.add(lost)
    // The client stands there, and nothing may come after it.
    partition.passed = lost.next
    this.failing(this.confirmed(partition).then(isOurs => (isOurs ? this.takeOver([partition]) : undefined)))
  }

  seek({ topic, partition, next }: KafkaPartition): void {
    this.member()?.seek({ topic, partition, offset: next })
  }

  private add(given: TopicPartition): KafkaPartition {
    const partition = new KafkaPartition(given)
    this.partitions.set(partition.name, partition)
    return partition
  }

  private lose(partitions: readonly KafkaPartition[]): void {
    if (partitions.length === 0) return
    for (const partition of partitions) {
      partition.lose()
      this.partitions.delete(partition.name)
    }
    this.host.queue.release(({ isLost }) => isLost)
    this.host.context.revoked(partitions.map(({ name }) => name))
  }

  /** Finds out where fresh partitions begin. The client fetches meanwhile: mostly what is wanted. */
  private async takeOver(fresh: readonly KafkaPartition[]): Promise<void> {
    const { context } = this.host
    for (const [partition, start] of await takeOver(fresh, this.host, () => this.topicIds(), this.ending)) {
      if (partition.isLost) continue
      partition.begin(start.next, start.end, start.committed)
      this.host.advance(partition, start.next)
      // A client that stands before gives what is too early once, and is told by its answer where to go on.
      if (Math.max(start.fetchedFrom, partition.passed) > start.next) this.seek(partition)
      context.log.debug('partition begins', { partition: partition.name, offset: start.next, end: start.end })
    }
    this.host.fetched()
  }

  private async topicIds(): Promise<ReadonlyMap<string, string>> {
    return (await this.member()?.topicIds()) ?? new Map()
  }

  /** Asks the group until it says yes; false when the partition was lost meanwhile. */
  private async confirmed(partition: KafkaPartition): Promise<boolean> {
    for (let backoff = exponentialBackoff(); ; backoff = backoff.next()) {
      try {
        await this.member()?.confirm()
        return !partition.isLost
      } catch (error) {
        this.host.context.log.debug('the group does not confirm this member', { error: String(error) })
        if (!isRetryable(error)) throw error
      }
      await delay(this.host.clock, backoff.delayMs, this.ending)
      if (partition.isLost) return false
    }
  }

  /** Nobody waits for a take-over: what it meets ends the run, unless the membership is over. */
  private failing(work: Promise<void>): void {
    work.catch(error => {
      if (!this.ending.aborted) this.host.fail(error)
    })
  }
}
