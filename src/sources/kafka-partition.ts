import type { FetchedBatch, TopicPartition } from '../drivers/kafka/driver.js'

/** What a batch in the hands of the client's callback waits for. */
export interface Awaited {
  readonly isOver: boolean
  /** Calls `fn` at the end, or when it is to look around; null: nobody listens any more. */
  onEnd(fn: (() => void) | null): void
}

/** The name of a partition in origins and ledger. A topic's name cannot hold a slash. */
export function partitionName({ topic, partition }: TopicPartition): string {
  return `${topic}/${partition}`
}

/**
 * What is to become of a fetched batch.
 *
 * `take`: from `next` on. `probe`: it stands beyond what was read, ask for `next` once more. `hole`: asked again, and there is nothing before it.
 * `anew`: the partition ends before what was read, so it is another one under the same name.
 */
export type Verdict = 'take' | 'probe' | 'hole' | 'anew'

/** An owned partition: what was read of it, and the guard that holds against the client's position jumping. */
export class KafkaPartition implements TopicPartition, Awaited {
  readonly name: string
  readonly topic: string
  readonly partition: number
  /** Another member's now, or ours anew: nothing of this ownership counts any more. */
  isLost = false
  /** It is known where it begins. */
  isReady = false
  /** The offset to be read next. */
  next = 0
  endOffset = 0
  /** What the run said is settled. */
  told = 0
  /** What the group knows. */
  committed = 0
  /** Where control records moved the client while it was not known yet where the partition begins. */
  passed = -1
  private probed = -1
  private listener: (() => void) | null = null

  constructor(of: TopicPartition) {
    this.topic = of.topic
    this.partition = of.partition
    this.name = partitionName(of)
  }

  begin(start: number, end: number, committed: number): void {
    this.next = start
    this.endOffset = Math.max(start, end)
    this.committed = committed
    this.isReady = true
    this.wake()
  }

  lose(): void {
    this.isLost = true
    this.wake()
  }

  /** It is known where it begins, or that it is not ours. */
  get isOver(): boolean {
    return this.isReady || this.isLost
  }

  onEnd(fn: (() => void) | null): void {
    this.listener = fn
  }

  wake(): void {
    this.listener?.()
  }

  /**
   * Judges a batch by where its fetch began.
   *
   * A jump forward is asked for a second time before it is believed: control records move the client's position without a batch, and seeking
   * back at every difference would fetch one of those alone for ever.
   */
  judge({ fetchedOffset, endOffset }: Pick<FetchedBatch, 'fetchedOffset' | 'endOffset'>): Verdict {
    this.endOffset = Math.max(this.endOffset, endOffset)
    if (fetchedOffset <= this.next) {
      if (fetchedOffset < this.next && endOffset < this.next) return 'anew'
      this.probed = -1
      return 'take'
    }
    if (this.probed !== this.next) {
      this.probed = this.next
      return 'probe'
    }
    this.probed = -1
    return 'hole'
  }

  get lag(): number {
    return Math.max(0, this.endOffset - this.next)
  }
}
