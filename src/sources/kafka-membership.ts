import { delay } from '../core/clock.js'
import type {
  BatchControl,
  FetchedBatch,
  GroupHandlers,
  GroupMember,
  GroupOptions,
  KafkaDriver,
  TopicOffset,
  TopicPartition,
} from '../drivers/kafka/driver.js'
import type { CommitCadence } from './kafka-commits.js'
import { type GuardHost, PositionGuard } from './kafka-guard.js'
import { KeepAlive } from './kafka-keep-alive.js'
import { Ownership, type OwnershipHost } from './kafka-ownership.js'
import type { KafkaPartition } from './kafka-partition.js'
import type { HeldBatch } from './kafka-queue.js'

/** What a membership asks of the session. */
export interface MembershipHost extends OwnershipHost, GuardHost {
  readonly group: GroupOptions
  readonly commits: CommitCadence
  readonly onUnreadable: 'fail' | 'quarantine'
  /** The group has dealt out its partitions. */
  assigned(): void
  /** This membership is over; a fresh one is wanted. */
  crashed(error: Error): void
  /** There is nothing to read before `next` but what was given. */
  advance(partition: KafkaPartition, next: number): void
  /** The run is to end. */
  fail(error: unknown): void
}

/** One member of the group, from its joining to its end: which partitions are its own, and the way of batches into the queue. */
export class Membership implements GroupHandlers {
  readonly ownership: Ownership
  private member: GroupMember | null = null
  /** Its end: nothing it says counts any more. */
  private readonly ending = new AbortController()
  private readonly guard: PositionGuard
  private readonly keepAlive: KeepAlive
  /** Of which a batch is there, before it is known where they begin. */
  private readonly awaited = new Set<KafkaPartition>()

  constructor(private readonly host: MembershipHost) {
    const { clock, context, group, commits } = host
    this.guard = new PositionGuard(host)
    this.ownership = new Ownership(host, () => this.member, this.ending.signal)
    this.keepAlive = new KeepAlive({
      clock,
      context,
      group,
      commits,
      owned: () => this.ownership.names,
      letGo: () => this.letGo(),
      ending: this.ending.signal,
    })
  }

  async join(driver: KafkaDriver): Promise<void> {
    const member = await driver.joinGroup(this.host.group, this)
    if (this.isOver) return member.stop()
    this.member = member
  }

  get isOver(): boolean {
    return this.ending.signal.aborted
  }

  /** Whether a fetch is to be expected: something is to be read, and nothing is held. */
  get isFetching(): boolean {
    if (this.member === null || this.keepAlive.isGivingWay || this.host.queue.size + this.awaited.size > 0) return false
    for (const { isReady } of this.ownership.partitions.values()) if (isReady) return true
    return false
  }

  /** As the group knows this member; null until it has joined. */
  get id(): string | null {
    return this.member?.id ?? null
  }

  async commit(offsets: readonly TopicOffset[]): Promise<void> {
    await this.member?.commit(offsets)
  }

  /** Gives all partitions up, and lets go of what is held. What comes from this member afterwards is not heard. */
  end(): void {
    if (this.isOver) return
    this.ending.abort()
    this.ownership.loseAll()
    this.host.queue.release()
  }

  /** Leaves the group, after `end`. Bounded: a broker that is away may keep it for long. */
  async leave(): Promise<void> {
    const { member } = this
    this.member = null
    if (member === null) return
    const bound = new AbortController()
    const stopped = member.stop().then(
      () => bound.abort(),
      error => {
        this.host.context.log.debug('leaving the group failed', { error: String(error) })
        bound.abort()
      },
    )
    await Promise.race([stopped, delay(this.host.clock, LEAVE_MS, bound.signal).catch(() => {})])
  }

  // ---------- the group speaks

  onAssigned(assigned: readonly TopicPartition[], isSameMember: boolean, member: GroupMember): void {
    if (this.isOver) return
    this.member = member
    this.keepAlive.isGivingWay = false
    this.host.assigned()
    this.ownership.deal(assigned, isSameMember)
  }

  onRebalancing(): void {
    if (this.isOver) return
    this.host.context.log.info('the group rebalances', { owned: this.ownership.names })
    // Written before the member asks to join again, on the same connection: the broker still takes it.
    this.host.commits.tick()
    this.keepAlive.isGivingWay = true
    this.letGo()
  }

  async onBatch(batch: FetchedBatch, control: BatchControl): Promise<void> {
    if (this.isOver) return
    if (this.keepAlive.isGivingWay) {
      // Either the rebalance goes on, then this throws; or it was not one, and reading goes on.
      await control.heartbeat()
      this.keepAlive.isGivingWay = false
    }
    const partition = this.ownership.of(batch)
    if (partition === undefined || !(await this.isReady(partition, control)) || !(await this.isWanted(partition, batch))) return
    if (partition.isLost) return
    const fault = this.host.onUnreadable === 'fail' ? batch.messages.find(message => message.fault !== undefined)?.fault : undefined
    if (fault !== undefined) return this.host.fail(fault)
    const held = this.host.queue.add(partition, batch)
    if (held !== null) await this.hold(held, control)
    if (partition.isLost) return
    if (held === null || held.isTaken) {
      partition.next = Math.max(partition.next, batch.nextOffset)
      this.host.advance(partition, partition.next)
    }
    control.resolve(partition.next)
  }

  onSkipped(given: TopicPartition, nextOffset: number): void {
    const partition = this.ownership.of(given)
    if (this.isOver || partition === undefined) return
    if (!partition.isReady) partition.passed = nextOffset
    if (!partition.isReady || nextOffset <= partition.next) return
    // Not awaited: the client fetches on meanwhile, and what it finds there is judged by where it was fetched. The guard tells the session what fails.
    void this.guard.skip(partition, nextOffset)
  }

  onFetched(): void {
    if (!this.isOver) this.host.fetched()
  }

  onCrashed(error: Error): void {
    if (!this.isOver) this.host.crashed(error)
  }

  // ---------- batches

  /** Whether it is known where the partition begins: its first batch is held until then. A pause instead would cost the client's whole `maxWaitMs`. */
  private async isReady(partition: KafkaPartition, control: BatchControl): Promise<boolean> {
    if (partition.isReady || partition.isLost) return !partition.isLost
    this.awaited.add(partition)
    try {
      await this.keepAlive.until(partition, control)
    } finally {
      this.awaited.delete(partition)
      this.host.fetched()
    }
    return partition.isReady && !partition.isLost && control.isLive()
  }

  private async isWanted(partition: KafkaPartition, batch: FetchedBatch): Promise<boolean> {
    const verdict = await this.guard.admits(partition, batch)
    if (verdict === 'again') this.ownership.seek(partition)
    return verdict === true
  }

  /** Keeps the batch until it is read, and the membership alive meanwhile. */
  private async hold(held: HeldBatch, control: BatchControl): Promise<void> {
    try {
      await this.keepAlive.until(held, control)
    } finally {
      this.host.queue.remove(held)
      this.host.fetched()
    }
  }

  /** Of all that waits, read or not: the client gets its batches back. */
  private letGo(): void {
    this.host.queue.release()
    for (const partition of this.awaited) partition.wake()
  }
}

/** How long leaving may take. Afterwards the group notices by the session timeout. */
const LEAVE_MS = 2_000
