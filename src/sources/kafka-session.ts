import { exponentialBackoff } from '../core/backoff.js'
import { type Clock, delay } from '../core/clock.js'
import { isRetryable } from '../core/retryable.js'
import type { Incoming, Prefix, SourceContext, SourceSession } from '../core/source.js'
import type { SourceFacts } from '../core/source-facts.js'
import type { Admin, GroupOptions, KafkaDriver } from '../drivers/kafka/driver.js'
import { CommitCadence } from './kafka-commits.js'
import type { MembershipHost } from './kafka-membership.js'
import { groupOptionsOf, type KafkaReading } from './kafka-options.js'
import type { KafkaPartition } from './kafka-partition.js'
import { FairQueue } from './kafka-queue.js'
import { Renewal } from './kafka-renewal.js'
import { Watchdog } from './kafka-watchdog.js'

/** One run on a consumer group: see `kafkaSource`. Outlives its memberships. */
export class KafkaSession implements SourceSession<Uint8Array | null, Prefix>, MembershipHost {
  readonly queue = new FairQueue()
  readonly commits: CommitCadence
  readonly group: GroupOptions
  readonly start: MembershipHost['start']
  readonly onUnreadable: MembershipHost['onUnreadable']
  private readonly watchdog: Watchdog
  private readonly closing = new AbortController()
  private opening: Promise<Admin> | null = null
  private readonly renewal: Renewal
  /** When another owner took a partition last. */
  private readonly fencedAt = new Map<string, number>()
  /** How often partitions were dealt out. */
  private joins = 0
  private failure: { readonly error: unknown } | null = null
  /** Why there is no member at the moment; told to the run once, which then shows as waiting. */
  private away: { readonly error: unknown } | null = null
  /** What the last read gave may not be with the run yet: nothing behind it may be told before. */
  private isPushing = false
  private readonly advances = new Map<KafkaPartition, number>()
  private reading: AbortSignal | null = null
  private calm: (() => void) | null = null
  private closed: Promise<void> | null = null

  private constructor(
    private readonly driver: KafkaDriver,
    options: KafkaReading,
    readonly context: SourceContext,
    readonly clock: Clock,
  ) {
    const { groupId, startAt, onRemoved, onUnreadable, commitEveryMs, commitEveryRecords } = options
    this.onUnreadable = onUnreadable
    this.group = groupOptionsOf(options)
    this.start = { source: context.source, groupId, startAt, onRemoved, log: context.log }
    this.commits = new CommitCadence({
      clock,
      log: context.log,
      everyMs: commitEveryMs,
      everyRecords: commitEveryRecords,
      owned: () => this.owned,
      send: async offsets => {
        await this.renewal.current?.commit(offsets)
        this.renewal.progressed()
      },
      fail: error => this.fail(error),
    })
    const joining = {
      clock,
      log: context.log,
      closing: this.closing.signal,
      away: (error: unknown) => this.noteAway(error),
      leaving: () => this.commits.tick(),
      fail: (error: unknown) => this.fail(error),
    }
    this.renewal = new Renewal(driver, joining, this)
    const { maxWaitMs, sessionTimeoutMs } = this.group
    this.watchdog = new Watchdog(
      clock,
      // Within a session timeout the client may still be trying by itself; after it the group has let the member go in any case.
      Math.max(3 * maxWaitMs, 10_000, sessionTimeoutMs),
      () => !this.renewal.isRunning && this.renewal.current?.isFetching === true,
      () => this.renewal.renew('the consumer fetches no more', null),
    )
  }

  static async open(driver: KafkaDriver, options: KafkaReading, context: SourceContext, clock: Clock): Promise<KafkaSession> {
    const session = new KafkaSession(driver, options, context, clock)
    try {
      await session.renewal.join()
    } catch (error) {
      await session.close()
      throw error
    }
    session.watchdog.start()
    return session
  }

  private get owned(): ReadonlyMap<string, KafkaPartition> {
    return this.renewal.current?.ownership.partitions ?? nothing
  }

  // ---------- the run asks

  async read(
    limit: { readonly records: number; readonly bytes: number },
    signal: AbortSignal,
  ): Promise<readonly Incoming<Uint8Array | null>[] | null> {
    this.isPushing = false
    this.tellAdvances()
    this.heed(signal)
    for (;;) {
      if (this.failure !== null) throw this.failure.error
      signal.throwIfAborted()
      const batch = this.queue.take(limit)
      if (batch.length > 0) {
        this.isPushing = true
        return batch
      }
      if (this.away !== null) {
        const { error } = this.away
        this.away = null
        throw error
      }
      await this.queue.filled()
    }
  }

  commit(done: readonly Prefix[]): Promise<void> {
    return this.commits.commit(done)
  }

  fenced(partition: string): void {
    if (!this.owned.has(partition)) return
    const now = this.clock.now()
    const isFirst = now - (this.fencedAt.get(partition) ?? Number.NEGATIVE_INFINITY) >= CALM_MS
    this.fencedAt.set(partition, now)
    // Two who take it from each other by turns need the growing pauses of a renewal.
    if (!isFirst) return this.renewal.renew('another owner has taken a partition over in the ledger, time and again', null)
    this.context.log.warn('another owner has taken a partition over in the ledger; asking the group whose it is', { partition })
    this.renewal.current?.ownership.regain(partition)
  }

  lag(): ReadonlyMap<string, number> {
    const lag = new Map<string, number>()
    for (const [name, partition] of this.owned) if (partition.isReady) lag.set(name, partition.lag)
    return lag
  }

  ends(): ReadonlyMap<string, number> {
    const ends = new Map<string, number>()
    for (const [name, partition] of this.owned) if (partition.isReady) ends.set(name, partition.endOffset)
    return ends
  }

  facts(): SourceFacts {
    const { commits, renewal, joins } = this
    const assignment: Record<string, readonly number[]> = {}
    for (const { topic, partition } of this.owned.values())
      assignment[topic] = [...(assignment[topic] ?? []), partition].sort((a, b) => a - b)
    const member = renewal.current?.id ?? null
    return {
      ...(member !== null && { member }),
      assignment,
      rebalances: Math.max(0, joins - 1),
      commits: commits.count,
      ...(commits.lastAt !== null && { committedAt: commits.lastAt }),
    }
  }

  close(): Promise<void> {
    this.closed ??= this.shut()
    return this.closed
  }

  // ---------- the membership speaks

  async admin(): Promise<Admin> {
    this.opening ??= this.driver.openAdmin().catch(error => {
      this.opening = null
      throw error
    })
    return this.opening
  }

  advance(partition: KafkaPartition, next: number): void {
    if (this.isPushing) this.advances.set(partition, next)
    else if (!partition.isLost) this.context.advanced(partition.name, next)
  }

  assigned(): void {
    this.joins++
    this.fetched()
  }

  fetched(): void {
    this.watchdog.seen()
  }

  crashed(error: Error): void {
    if (isRetryable(error)) this.renewal.renew('the consumer crashed', error)
    else this.fail(error)
  }

  fail(error: unknown): void {
    if (this.closing.signal.aborted) return
    this.failure ??= { error }
    this.queue.wake()
  }

  private noteAway(error: unknown): void {
    this.away = { error }
    this.queue.wake()
  }

  // ---------- the run's pace

  private tellAdvances(): void {
    if (this.advances.size === 0) return
    for (const [partition, next] of this.advances) if (!partition.isLost) this.context.advanced(partition.name, next)
    this.advances.clear()
  }

  /** From the moment reading ends, commits wait for nothing: the run is stopping. */
  private heed(signal: AbortSignal): void {
    if (signal === this.reading) return
    this.reading?.removeEventListener('abort', this.onStop)
    this.calm?.()
    this.calm = null
    this.reading = signal
    if (!signal.aborted) signal.addEventListener('abort', this.onStop, { once: true })
  }

  private readonly onStop = (): void => {
    this.calm = this.commits.hurry()
    this.commits.tick()
    this.queue.wake()
  }

  private async shut(): Promise<void> {
    this.closing.abort()
    this.watchdog.stop()
    this.reading?.removeEventListener('abort', this.onStop)
    this.queue.wake()
    try {
      await this.lastCommit()
    } finally {
      this.commits.stop()
      await this.renewal.end()
      const admin = await this.opening?.catch(() => null)
      await admin?.close()
    }
  }

  /** A group in a rebalance takes commits again when it is over: a few attempts, each of what is settled then. */
  private async lastCommit(): Promise<void> {
    for (let backoff = exponentialBackoff(), attempt = 1; ; backoff = backoff.next(), attempt++) {
      try {
        return await this.commits.flush()
      } catch (error) {
        if (!isRetryable(error) || attempt >= LAST_ATTEMPTS) throw error
      }
      await delay(this.clock, backoff.delayMs)
    }
  }
}

const LAST_ATTEMPTS = 5
/** A partition that was fenced twice within it has two owners who know nothing of each other. */
const CALM_MS = 10_000
const nothing: ReadonlyMap<string, KafkaPartition> = new Map()
