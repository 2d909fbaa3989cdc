import { setTimeout as sleep } from 'node:timers/promises'
import type { Batch, Consumer, EachBatchPayload, KafkaMessage } from 'kafkajs'
import { MillraceError } from '../../core/errors.js'
import type { BatchControl, FetchedBatch, GroupHandlers, GroupMember, GroupOptions, TopicOffset, TopicPartition } from './driver.js'
import { brokerAnswerOf, kafkaError } from './kafka-error.js'
import { resolveTopics } from './kafkajs-admin.js'
import type { Standin } from './kafkajs-fetch.js'
import { fetchedMessage } from './kafkajs-message.js'
import type { CommittingGroup, Kafkajs, Wire } from './kafkajs-parts.js'
import { METADATA_KEY, METADATA_VERSION, topicIdsOf, topicIdsRequest } from './topic-ids.js'

/** Resolves when the member has joined for the first time. */
export async function joinKafkajsGroup(kafkajs: Kafkajs, options: GroupOptions, handlers: GroupHandlers): Promise<GroupMember> {
  const topics = await resolveTopics(kafkajs, options.topics)
  for (let attempt = 1; ; attempt++) {
    const member = new KafkajsMember(kafkajs, options, topics, handlers)
    try {
      await member.join()
      return member
    } catch (error) {
      // At the first group of a broker, and for a moment after its restart. kafkajs gives up at once.
      const isLoading = /^(GROUP_LOAD_IN_PROGRESS|NOT_COORDINATOR_FOR_GROUP|GROUP_COORDINATOR_NOT_AVAILABLE)$/.test(
        brokerAnswerOf(error) ?? '',
      )
      if (!isLoading || attempt === LOADING_ATTEMPTS) throw error
      await sleep(LOADING_PAUSE_MS)
    }
  }
}

const LOADING_ATTEMPTS = 15
const LOADING_PAUSE_MS = 200

class KafkajsMember implements GroupMember {
  private readonly consumer: Consumer
  private readonly innerGroup: () => CommittingGroup | undefined
  private readonly letGo: () => void
  /** Counts joins: a batch of an earlier one may not move positions of a later one. */
  private generation = 0
  private memberId: string | undefined
  private state: 'joining' | 'joined' | 'ended' = 'joining'
  private failed: ((error: Error) => void) | undefined

  constructor(
    private readonly kafkajs: Kafkajs,
    private readonly options: GroupOptions,
    readonly topics: readonly string[],
    private readonly handlers: GroupHandlers,
  ) {
    const { consumer, group, letGo } = kafkajs.consumer({
      groupId: options.groupId,
      sessionTimeout: options.sessionTimeoutMs,
      rebalanceTimeout: options.rebalanceTimeoutMs,
      heartbeatInterval: options.heartbeatIntervalMs,
      maxBytesPerPartition: options.maxBytesPerPartition,
      maxBytes: options.maxBytes,
      minBytes: 1,
      maxWaitTimeInMs: options.maxWaitMs,
      allowAutoTopicCreation: false,
      // A restart of kafkajs's own loses pauses, and leaves positions to guess: what is lost is opened anew by the caller.
      retry: { initialRetryTime: 100, maxRetryTime: 1_000, retries: 8, restartOnFailure: async () => false },
    })
    this.consumer = consumer
    this.innerGroup = group
    this.letGo = letGo
  }

  async join(): Promise<void> {
    this.listen()
    try {
      await this.consumer.connect()
      await this.consumer.subscribe({ topics: [...this.topics], fromBeginning: true })
      // kafkajs resolves also where the join failed, and tells of it by CRASH.
      const joined = new Promise<never>((_, reject) => {
        this.failed = reject
      })
      await Promise.race([joined, this.consumer.run(this.runOptions())])
      if (this.state === 'joining') await joined
    } catch (error) {
      this.state = 'ended'
      await this.consumer.disconnect().catch(() => {})
      throw this.errorOf(error, 'join')
    }
  }

  private runOptions(): NonNullable<Parameters<Consumer['run']>[0]> {
    return {
      autoCommit: false,
      eachBatchAutoResolve: false,
      partitionsConsumedConcurrently: this.options.partitionsConcurrently,
      eachBatch: payload => this.handlers.onBatch(fetchedBatch(payload.batch), this.controlOf(payload)),
    }
  }

  /** kafkajs calls listeners at once: what one throws reaches the join or the fetch, which crashes. */
  private listen(): void {
    const { consumer, handlers } = this
    const { CRASH, END_BATCH_PROCESS, FETCH, GROUP_JOIN, REBALANCING } = consumer.events
    consumer.on(GROUP_JOIN, ({ payload }) => this.joined(payload.memberId, payload.memberAssignment))
    consumer.on(REBALANCING, () => handlers.onRebalancing())
    consumer.on(FETCH, () => handlers.onFetched())
    consumer.on(END_BATCH_PROCESS, ({ payload: { topic, partition, batchSize, lastOffset } }) => {
      if (batchSize === 0) handlers.onSkipped({ topic, partition }, Number(lastOffset) + 1)
    })
    consumer.on(CRASH, ({ payload }) => this.crashed(payload.error))
  }

  private joined(memberId: string, assignment: Readonly<Record<string, readonly number[]>>): void {
    const isSameMember = memberId === this.memberId
    this.memberId = memberId
    this.generation++
    this.state = 'joined'
    const assigned = Object.entries(assignment).flatMap(([topic, partitions]) => partitions.map(partition => ({ topic, partition })))
    this.handlers.onAssigned(assigned, isSameMember, this)
  }

  private crashed(error: Error): void {
    if (this.state === 'ended') return
    const isJoined = this.state === 'joined'
    this.state = 'ended'
    if (isJoined) this.handlers.onCrashed(this.errorOf(error, 'consume'))
    else this.failed?.(error)
  }

  private controlOf({ resolveOffset, heartbeat, isRunning, isStale }: EachBatchPayload): BatchControl {
    const { generation } = this
    const isLive = () => this.state === 'joined' && generation === this.generation && isRunning() && !isStale()
    return {
      resolve: nextOffset => {
        if (generation === this.generation) resolveOffset(String(nextOffset - 1))
      },
      heartbeat,
      isLive,
    }
  }

  get id(): string {
    return this.memberId ?? ''
  }

  seek({ topic, partition, offset }: TopicOffset): void {
    this.consumer.seek({ topic, partition, offset: String(offset) })
  }

  pause(partitions: readonly TopicPartition[]): void {
    this.consumer.pause(byTopic(partitions, ({ partition }) => partition))
  }

  resume(partitions: readonly TopicPartition[]): void {
    this.consumer.resume(byTopic(partitions, ({ partition }) => partition))
  }

  async topicIds(): Promise<ReadonlyMap<string, string>> {
    const group = this.innerGroup()
    if (this.state !== 'joined' || !group) throw this.refused('ask for the ids of topics', 'the member has left the group')
    const found = await group.cluster.brokerPool.withBroker(({ broker }) => askTopicIds(broker, this.topics))
    if (found === null) throw this.refused('ask for the ids of topics', 'no broker has answered')
    return found
  }

  async confirm(): Promise<void> {
    const group = this.state === 'joined' ? this.innerGroup() : undefined
    if (!group) throw this.refused('confirm the membership', 'the member has left the group')
    try {
      await group.heartbeat({ interval: 0 })
    } catch (error) {
      throw this.errorOf(error, 'confirm the membership')
    }
  }

  async commit(offsets: readonly TopicOffset[]): Promise<void> {
    if (offsets.length === 0) return
    const manager = this.state === 'joined' ? this.innerGroup()?.offsetManager : undefined
    if (!manager) throw this.refused('commit offsets', 'the member has left the group')
    const topics = byTopic(offsets, ({ partition, offset }) => ({ partition, offset: String(offset) }))
    try {
      await manager.commitOffsets({ topics })
    } catch (error) {
      throw this.errorOf(error, 'commit offsets')
    }
  }

  async stop(): Promise<void> {
    this.state = 'ended'
    try {
      const stopped = this.consumer.disconnect()
      // Only now: before it is stopping, the client would fetch again.
      this.letGo()
      await stopped
    } catch (error) {
      throw this.errorOf(error, 'leave')
    }
  }

  private refused(doing: string, reason: string): MillraceError {
    const details = { cluster: this.kafkajs.name, doing: `${doing} in group ${this.options.groupId}`, reason }
    return new MillraceError('MILL_KAFKA_REFUSED', details, { retryable: true })
  }

  private errorOf(error: unknown, doing: string): MillraceError {
    const { groupId } = this.options
    return kafkaError(error, { cluster: this.kafkajs.name, doing: `${doing} in group ${groupId}`, groupId, topic: this.topics.join(', ') })
  }
}

async function askTopicIds({ versions, connectionPool }: Wire, topics: readonly string[]): Promise<ReadonlyMap<string, string>> {
  if ((versions?.[METADATA_KEY]?.maxVersion ?? 0) < METADATA_VERSION) return new Map()
  const buffer = topicIdsRequest(topics)
  return connectionPool.send({
    // What kafkajs asks an Encoder for.
    request: { apiKey: METADATA_KEY, apiVersion: METADATA_VERSION, apiName: 'Metadata', encode: async () => ({ buffer, buf: buffer }) },
    // It looks for a throttle time on what was decoded.
    response: {
      decode: async bytes => ({ ids: topicIdsOf(bytes) }),
      parse: async decoded => (decoded as { ids: ReadonlyMap<string, string> }).ids,
    },
  })
}

function byTopic<T extends TopicPartition, P>(given: readonly T[], one: (of: T) => P): { topic: string; partitions: P[] }[] {
  const found = new Map<string, P[]>()
  for (const of of given) {
    const partitions = found.get(of.topic)
    if (partitions === undefined) found.set(of.topic, [one(of)])
    else partitions.push(one(of))
  }
  return [...found].map(([topic, partitions]) => ({ topic, partitions }))
}

interface RawBatch {
  readonly fetchedOffset: string
  readonly rawMessages: readonly KafkaMessage[]
}

function fetchedBatch(batch: Batch): FetchedBatch {
  // Two of them are on the object, though not in its type.
  const { topic, partition, highWatermark, fetchedOffset, rawMessages } = batch as Batch & RawBatch
  return {
    topic,
    partition,
    fetchedOffset: Number(fetchedOffset),
    nextOffset: Number(batch.lastOffset()) + 1,
    endOffset: Number(highWatermark),
    messages: (rawMessages as Partial<Standin>).fetched ?? batch.messages.map(fetchedMessage),
  }
}
