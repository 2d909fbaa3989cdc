import { type Clock, delay } from '../core/clock.js'
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
import { KafkaPartition, partitionName } from './kafka-partition.js'
import type { FairQueue, HeldBatch } from './kafka-queue.js'
import { type TakeOverHost, takeOver } from './kafka-take-over.js'

/** What a membership asks of the session. */
export interface MembershipHost extends TakeOverHost, GuardHost {
  readonly group: GroupOptions
  readonly queue: FairQueue
  readonly commits: CommitCadence
  /** There is nothing to read before `next` but what was given. */
  advance(partition: KafkaPartition, next: number): void
  /** A sign of life from the broker. */
  fetched(): void
  /** This membership is over; a fresh one is wanted. */
  crashed(error: Error): void
  /** The run is to end. */
  fail(error: unknown): void
}

/** One member of the group, from its joining to its end: which partitions are its own, and the way of batches into the queue. */
export class Membership implements GroupHandlers {
  readonly owned = new Map<string, KafkaPartition>()
  private member: GroupMember | null = null
  /** Its end: nothing it says counts any more. */
  private readonly ending = new AbortController()
  /** The group rebalances: nothing more is given until it is known what stays. */
  private isGivingWay = false
  private givenWay: Promise<void> | null = null
  private readonly guard: PositionGuard

  constructor(private readonly host: MembershipHost) {
    this.guard = new PositionGuard(host)
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
    if (this.member === null || this.isGivingWay || this.host.queue.size > 0) return false
    for (const { isReady } of this.owned.values()) if (isReady) return true
    return false
  }

  async commit(offsets: readonly TopicOffset[]): Promise<void> {
    await this.member?.commit(offsets)
  }

  /** Gives all partitions up, and lets go of what is held. What comes from this member afterwards is not heard. */
  end(): void {
    if (this.isOver) return
    this.ending.abort()
    this.lose([...this.owned.values()])
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
    this.isGivingWay = false
    this.host.fetched()
    const names = new Set(assigned.map(partitionName))
    // Under a new id it may have missed a generation, in which the partition had another owner.
    this.lose([...this.owned.values()].filter(({ name }) => !isSameMember || !names.has(name)))
    const fresh: KafkaPartition[] = []
    for (const given of assigned) {
      const kept = this.owned.get(partitionName(given))
      if (kept === undefined) {
        const partition = new KafkaPartition(given)
        this.owned.set(partition.name, partition)
        fresh.push(partition)
      } else if (kept.isReady) member.seek({ topic: kept.topic, partition: kept.partition, offset: kept.next })
      else member.pause([kept])
    }
    this.host.context.log.info('partitions assigned', { owned: [...this.owned.keys()], fresh: fresh.map(({ name }) => name), isSameMember })
    this.begin(fresh)
  }

  onRebalancing(): void {
    if (this.isOver) return
    this.host.context.log.info('the group rebalances', { owned: [...this.owned.keys()] })
    // Written before the member asks to join again, on the same connection: the broker still takes it.
    this.host.commits.tick()
    this.isGivingWay = true
    this.host.queue.release()
  }

  async onBatch(batch: FetchedBatch, control: BatchControl): Promise<void> {
    if (this.isOver) return
    if (this.isGivingWay) {
      // Either the rebalance goes on, then this throws; or it was not one, and reading goes on.
      await control.heartbeat()
      this.isGivingWay = false
    }
    const partition = this.owned.get(partitionName(batch))
    if (partition === undefined || !partition.isReady || !(await this.isWanted(partition, batch))) return
    if (partition.isLost) return
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
    const partition = this.owned.get(partitionName(given))
    if (this.isOver || partition === undefined || !partition.isReady || nextOffset <= partition.next) return
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

  private async isWanted(partition: KafkaPartition, batch: FetchedBatch): Promise<boolean> {
    const verdict = await this.guard.admits(partition, batch)
    if (verdict === 'again') this.member?.seek({ topic: partition.topic, partition: partition.partition, offset: partition.next })
    return verdict === true
  }

  /** Keeps the batch until it is read, and the membership alive meanwhile. */
  private async hold(held: HeldBatch, control: BatchControl): Promise<void> {
    const { clock, queue, group } = this.host
    try {
      while (!held.isTaken && !held.isLetGo && control.isLive()) {
        const isOver = await this.endOrPause(held, clock, group.heartbeatIntervalMs)
        if (isOver) break
        try {
          await control.heartbeat()
        } catch (error) {
          await this.giveWay()
          throw error
        }
      }
    } finally {
      queue.remove(held)
      this.host.fetched()
    }
  }

  private endOrPause(held: HeldBatch, clock: Clock, ms: number): Promise<boolean> {
    return new Promise(resolve => {
      const cancel = clock.after(ms, () => {
        held.onEnd(null)
        resolve(false)
      })
      held.onEnd(() => {
        cancel()
        resolve(true)
      })
    })
  }

  /** A rebalance is under way, and the group waits for us: what is in flight is written and committed, as far as that goes quickly. */
  private giveWay(): Promise<void> {
    this.givenWay ??= this.drain().finally(() => {
      this.givenWay = null
    })
    return this.givenWay
  }

  private async drain(): Promise<void> {
    const { clock, context, commits, group, queue } = this.host
    this.isGivingWay = true
    queue.release()
    if (this.isOver) return
    const bound = new AbortController()
    const cancel = clock.after(Math.min(MAX_DRAIN_MS, group.rebalanceTimeoutMs / 4), () => bound.abort())
    const onEnd = () => bound.abort()
    this.ending.signal.addEventListener('abort', onEnd, { once: true })
    context.log.info('draining before a rebalance', { owned: [...this.owned.keys()] })
    const calm = commits.hurry()
    try {
      await context.draining([...this.owned.keys()], bound.signal)
      await commits.flush()
    } catch (error) {
      context.log.debug('a commit was refused; it is computed anew', { error: String(error) })
    } finally {
      calm()
      cancel()
      this.ending.signal.removeEventListener('abort', onEnd)
    }
  }

  // ---------- partitions

  private lose(partitions: readonly KafkaPartition[]): void {
    if (partitions.length === 0) return
    for (const partition of partitions) {
      partition.isLost = true
      this.owned.delete(partition.name)
    }
    this.host.queue.release(({ isLost }) => isLost)
    this.host.context.revoked(partitions.map(({ name }) => name))
  }

  /** Finds out where fresh partitions begin; until then they are paused. */
  private begin(fresh: readonly KafkaPartition[]): void {
    if (fresh.length === 0) return
    this.member!.pause(fresh)
    this.takeOver(fresh).catch(error => {
      if (!this.isOver) this.host.fail(error)
    })
  }

  private async takeOver(fresh: readonly KafkaPartition[]): Promise<void> {
    const { context } = this.host
    for (const [partition, start] of await takeOver(fresh, this.host, this.ending.signal)) {
      if (partition.isLost) continue
      partition.begin(start.next, start.end, start.committed)
      this.host.advance(partition, start.next)
      this.member?.seek({ topic: partition.topic, partition: partition.partition, offset: start.next })
      this.member?.resume([partition])
      context.log.debug('partition begins', { partition: partition.name, offset: start.next, end: start.end })
    }
    this.host.fetched()
  }
}

/** Longer would keep the whole group waiting; what is not written by then comes again at the new owner. */
const MAX_DRAIN_MS = 5_000
/** How long leaving may take. Afterwards the group notices by the session timeout. */
const LEAVE_MS = 2_000
