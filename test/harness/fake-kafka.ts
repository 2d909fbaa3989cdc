import { type Clock, delay, systemClock } from '../../src/core/clock.js'
import type {
  Admin,
  FetchedMessage,
  GroupHandlers,
  GroupMember,
  GroupOptions,
  KafkaDriver,
  TopicOffset,
  TopicPartition,
} from '../../src/drivers/kafka/driver.js'
import { partitionName } from '../../src/sources/kafka-partition.js'

type Entry = { readonly offset: number; readonly message: FetchedMessage | null }
interface Log {
  low: number
  end: number
  entries: Entry[]
}
const pause = () => new Promise<void>(resolve => setImmediate(resolve))
export const refusal = (text: string, retryable = true) => Object.assign(new Error(text), { retryable })

/** A cluster in memory behind the seam, with the ways of kafkajs that hurt: eager rebalances, positions that jump, resets to the beginning. */
export class FakeKafka {
  readonly logs = new Map<string, Log>()
  readonly groups = new Map<string, FakeGroup>()
  readonly members: FakeMember[] = []
  /** Records in one batch. */
  batchSize = 10
  /** Joins that fail with this error. */
  joinErrors: Error[] = []
  adminErrors: Error[] = []
  /** How often a topic was made anew: the ids of all go by it. */
  remakes = 0
  /** How many ids of members were given. */
  ids = 0
  /** Where lookups by time land. */
  offsetAt = 0

  constructor(readonly clock: Clock = systemClock) {}

  topic(topic: string, partitions: number): void {
    for (let partition = 0; partition < partitions; partition++) this.logs.set(`${topic}/${partition}`, { low: 0, end: 0, entries: [] })
  }

  produce(at: string, values: readonly (string | null | Partial<FetchedMessage>)[]): void {
    const log = this.logs.get(at)!
    for (const value of values) {
      const given = typeof value === 'object' && value !== null ? value : { value: value === null ? null : Buffer.from(value) }
      const offset = log.end++
      log.entries.push({ offset, message: { timestamp: 1_700_000_000_000, key: null, value: null, headers: [], ...given, offset } })
    }
    for (const member of this.members) member.wake()
  }

  /** Records that no reader sees. */
  control(at: string, count = 1): void {
    const log = this.logs.get(at)!
    for (let i = 0; i < count; i++) log.entries.push({ offset: log.end++, message: null })
    for (const member of this.members) member.wake()
  }

  compact(at: string, isKept: (offset: number) => boolean): void {
    const log = this.logs.get(at)!
    log.entries = log.entries.filter(({ offset }) => isKept(offset))
  }

  removeBefore(at: string, offset: number): void {
    const log = this.logs.get(at)!
    log.low = offset
    log.entries = log.entries.filter(entry => entry.offset >= offset)
  }

  remake(at: string): void {
    this.remakes++
    this.logs.set(at, { low: 0, end: 0, entries: [] })
  }

  group(id: string): FakeGroup {
    const group = this.groups.get(id) ?? new FakeGroup(this)
    this.groups.set(id, group)
    return group
  }

  partitionsOf(topics: readonly string[] | RegExp): TopicPartition[] {
    return [...this.logs.keys()]
      .map(name => ({ topic: name.slice(0, name.lastIndexOf('/')), partition: Number(name.slice(name.lastIndexOf('/') + 1)) }))
      .filter(({ topic }) => (topics instanceof RegExp ? topics.test(topic) : topics.includes(topic)))
  }

  get driver(): KafkaDriver {
    return {
      name: 'fake',
      joinGroup: async (options, handlers) => {
        const error = this.joinErrors.shift()
        if (error !== undefined) throw error
        const member = new FakeMember(this, this.group(options.groupId), options, handlers)
        this.members.push(member)
        await member.started
        return member
      },
      openProducer: async () => {
        throw new Error('the fake does not produce')
      },
      openAdmin: async () => this.admin(),
    }
  }

  private admin(): Admin {
    const ranges = async (topic: string) => {
      const error = this.adminErrors.shift()
      if (error !== undefined) throw error
      return this.partitionsOf([topic]).map(({ partition }) => {
        const { low, end } = this.logs.get(`${topic}/${partition}`)!
        return { partition, low, high: end }
      })
    }
    return {
      topics: async () => [...new Set(this.partitionsOf(/./).map(({ topic }) => topic))],
      ranges,
      offsetsAt: async topic => this.partitionsOf([topic]).map(({ partition }) => ({ partition, offset: this.offsetAt })),
      committed: async (groupId, topics) =>
        this.partitionsOf(topics).flatMap(tp => {
          const offset = this.group(groupId).committed.get(partitionName(tp))
          return offset === undefined ? [] : [{ ...tp, offset }]
        }),
      createTopic: async (topic, { partitions }) => this.topic(topic, partitions),
      close: async () => {},
    }
  }
}

/** The coordinator of one group: eager, round robin. */
export class FakeGroup {
  readonly committed = new Map<string, number>()
  /** Every commit that was asked for. */
  readonly commits: { readonly offsets: readonly TopicOffset[]; readonly isRefused: boolean }[] = []
  /** How many commits are refused from now on. */
  refuse = 0
  refusalError: Error = refusal('REBALANCE_IN_PROGRESS')
  generation = 0
  members: FakeMember[] = []
  private waiting = new Map<FakeMember, () => void>()

  constructor(private readonly kafka: FakeKafka) {}

  /** All members have to join again. */
  rebalance(): void {
    this.generation++
    for (const member of this.members) member.wake()
  }

  async join(member: FakeMember): Promise<void> {
    if (!this.members.includes(member)) {
      this.members.push(member)
      this.rebalance()
    }
    const joined = new Promise<void>(resolve => this.waiting.set(member, resolve))
    this.finishJoin()
    return joined
  }

  leave(member: FakeMember): void {
    if (!this.members.includes(member)) return
    this.members = this.members.filter(other => other !== member)
    this.waiting.get(member)?.()
    this.waiting.delete(member)
    this.rebalance()
    this.finishJoin()
  }

  commit(offsets: readonly TopicOffset[]): void {
    const isRefused = this.refuse > 0
    this.commits.push({ offsets, isRefused })
    if (isRefused) {
      this.refuse--
      throw this.refusalError
    }
    for (const at of offsets) this.committed.set(partitionName(at), at.offset)
  }

  private finishJoin(): void {
    if (this.members.length === 0 || !this.members.every(member => this.waiting.has(member))) return
    const all = this.kafka.partitionsOf(this.members[0]!.options.topics)
    const waiting = [...this.waiting]
    this.waiting = new Map()
    for (const member of this.members) {
      const i = this.members.indexOf(member)
      member.generation = this.generation
      member.assigned = all.filter((_, at) => at % this.members.length === i)
    }
    for (const [, resolve] of waiting) resolve()
  }
}

/** A member with one fetch loop, as kafkajs has one a broker. */
export class FakeMember implements GroupMember {
  readonly started: Promise<void>
  readonly topics: readonly string[]
  id = ''
  generation = -1
  assigned: TopicPartition[] = []
  /** It fetches no more, and says nothing. */
  isSilent = false
  /** It lost its place: joins under a new id. */
  isForgotten = false
  isStopped = false
  heartbeats = 0
  seeks = 0
  fetches = 0
  readonly paused = new Set<string>()
  private readonly positions = new Map<string, number>()
  private hasJoined = false
  private isCrashed = false
  private woken: (() => void) | null = null
  private readonly over: Promise<void>

  constructor(
    private readonly kafka: FakeKafka,
    readonly group: FakeGroup,
    readonly options: GroupOptions,
    private readonly handlers: GroupHandlers,
  ) {
    this.topics = [...new Set(kafka.partitionsOf(options.topics).map(({ topic }) => topic))]
    let start!: () => void
    this.started = new Promise(resolve => {
      start = resolve
    })
    this.over = this.run(start)
  }

  seek(to: TopicOffset): void {
    this.seeks++
    this.positions.set(partitionName(to), to.offset)
  }

  pause(partitions: readonly TopicPartition[]): void {
    for (const at of partitions) this.paused.add(partitionName(at))
  }

  resume(partitions: readonly TopicPartition[]): void {
    for (const at of partitions) this.paused.delete(partitionName(at))
    this.wake()
  }

  async topicIds(): Promise<ReadonlyMap<string, string>> {
    return new Map(this.topics.map(topic => [topic, `${topic}-${this.kafka.remakes}`]))
  }

  async confirm(): Promise<void> {
    if (this.isForgotten || this.isStopped || this.isCrashed) throw refusal('UNKNOWN_MEMBER_ID')
    if (this.generation !== this.group.generation) throw refusal('REBALANCE_IN_PROGRESS')
  }

  async commit(offsets: readonly TopicOffset[]): Promise<void> {
    if (this.isStopped || this.isCrashed) throw refusal('the member has left the group')
    this.group.commit(offsets)
  }

  async stop(): Promise<void> {
    this.isStopped = true
    this.wake()
    this.group.leave(this)
    await this.over
  }

  wake(): void {
    this.woken?.()
  }

  crash(error: Error): void {
    this.isCrashed = true
    this.wake()
    this.group.leave(this)
    this.handlers.onCrashed(error)
  }

  private get isEnded(): boolean {
    return this.isStopped || this.isCrashed
  }

  private async run(start: () => void): Promise<void> {
    while (!this.isEnded) {
      if (this.generation !== this.group.generation || this.isForgotten) await this.join()
      start()
      if (this.isEnded) return
      if (this.isSilent) {
        await this.rest()
        continue
      }
      try {
        if (!(await this.fetch())) await this.rest()
        else await pause()
      } catch {
        // A rebalance, seen by a heartbeat: the loop joins again.
      }
    }
  }

  private async join(): Promise<void> {
    if (this.hasJoined && !this.isForgotten) this.handlers.onRebalancing()
    const isSameMember = this.hasJoined && !this.isForgotten
    this.isForgotten = false
    while (!this.isEnded) {
      await this.group.join(this)
      if (this.generation === this.group.generation) break
    }
    if (this.isEnded) return
    this.hasJoined = true
    if (!isSameMember) this.id = `member-${++this.kafka.ids}`
    this.positions.clear()
    this.handlers.onAssigned(this.assigned, isSameMember, this)
  }

  private async fetch(): Promise<boolean> {
    this.fetches++
    const work: (() => Promise<void>)[] = []
    for (const at of this.assigned) {
      if (this.paused.has(partitionName(at))) continue
      const step = this.fetchOf(at)
      if (step !== null) work.push(step)
    }
    this.handlers.onFetched()
    const next = async (): Promise<void> => {
      for (let one = work.shift(); one !== undefined; one = work.shift()) await one()
    }
    const isEmpty = work.length === 0
    const ends = await Promise.allSettled(Array.from({ length: this.options.partitionsConcurrently }, next))
    const failed = ends.find(end => end.status === 'rejected')
    if (failed !== undefined) throw (failed as PromiseRejectedResult).reason
    return !isEmpty
  }

  private fetchOf(at: TopicPartition): (() => Promise<void>) | null {
    const name = partitionName(at)
    const log = this.kafka.logs.get(name)!
    const fetchedOffset = this.positions.get(name) ?? this.group.committed.get(name) ?? log.low
    if (fetchedOffset < log.low || fetchedOffset > log.end) {
      this.positions.set(name, log.low)
      return async () => {}
    }
    const entries = log.entries.filter(({ offset }) => offset >= fetchedOffset).slice(0, this.kafka.batchSize)
    if (entries.length === 0) {
      if (log.end > fetchedOffset) this.positions.set(name, log.end)
      return null
    }
    const nextOffset = entries.at(-1)!.offset + 1
    const messages = entries.flatMap(({ message }) => (message === null ? [] : [message]))
    const { generation } = this
    if (messages.length === 0) {
      return async () => {
        this.positions.set(name, nextOffset)
        this.handlers.onSkipped(at, nextOffset)
      }
    }
    return () =>
      this.handlers.onBatch(
        { ...at, fetchedOffset, nextOffset, endOffset: log.end, messages },
        {
          resolve: next => void (generation === this.generation && this.positions.set(name, next)),
          heartbeat: async () => {
            this.heartbeats++
            if (this.isForgotten) throw refusal('UNKNOWN_MEMBER_ID')
            if (this.generation !== this.group.generation) throw refusal('REBALANCE_IN_PROGRESS')
          },
          isLive: () => !this.isEnded && generation === this.generation,
        },
      )
  }

  /** Until something may be there, or the longest wait is over. */
  private async rest(): Promise<void> {
    const bound = new AbortController()
    this.woken = () => bound.abort()
    if (this.generation !== this.group.generation || this.isEnded) bound.abort()
    await delay(this.kafka.clock, this.options.maxWaitMs, bound.signal).catch(() => {})
    this.woken = null
  }
}
