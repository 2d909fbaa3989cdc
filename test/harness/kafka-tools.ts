import { randomBytes } from 'node:crypto'
import kafkajs, {
  type AclEntry,
  type AclOperationTypes,
  type Admin,
  CompressionTypes,
  type Consumer,
  Kafka,
  type KafkaConfig,
  type KafkaMessage,
  logLevel,
  type Message,
  Partitioners,
  type Producer,
  type RecordMetadata,
} from 'kafkajs'
import { until } from './servers/server.js'

// Node does not find these names in kafkajs, a CommonJS module.
const { AclOperationTypes: Operations, AclPermissionTypes, AclResourceTypes, ResourcePatternTypes } = kafkajs

/** For `createTopic`: a topic that is compacted within some 4 s by {@link KafkaTools.compact}. */
export const compacted = {
  'cleanup.policy': 'compact',
  'segment.ms': '200',
  'min.cleanable.dirty.ratio': '0.01',
  'max.compaction.lag.ms': '500',
  'delete.retention.ms': '100',
} as const

/** For `createTopic`: a topic whose records retention removes some 2 s after they were written. */
export const shortLived = { 'retention.ms': '1000', 'segment.ms': '200' } as const

/** A record as a test reads it: bytes as they are. */
export interface ReadRecord {
  readonly partition: number
  readonly offset: number
  /** Milliseconds since 1970. */
  readonly timestamp: number
  readonly key: Buffer | null
  readonly value: Buffer | null
  readonly headers: NonNullable<KafkaMessage['headers']>
}

/** The bounds of a partition: its first offset, and the one after its last record that is decided (of no open transaction). */
export interface Bounds {
  readonly partition: number
  readonly low: number
  readonly high: number
}

/** What tests do on a Kafka, by kafkajs. Every call connects for itself and leaves nothing open. */
export class KafkaTools {
  readonly brokers: string[]

  /** `config` for brokers that ask for TLS or credentials. */
  constructor(
    /** `host:port`, several with commas between. */
    readonly address: string,
    private readonly config: Partial<KafkaConfig> = {},
  ) {
    this.brokers = address.split(',').map(broker => broker.trim())
  }

  /** A client that prints nothing. */
  client(config: Partial<KafkaConfig> = {}): Kafka {
    return new Kafka({ brokers: this.brokers, clientId: 'millrace-tests', logLevel: logLevel.NOTHING, ...this.config, ...config })
  }

  /** Gives `use` a connected admin and disconnects it. */
  async asAdmin<T>(use: (admin: Admin) => Promise<T>): Promise<T> {
    const admin = this.client().admin()
    try {
      await admin.connect()
      return await use(admin)
    } finally {
      await admin.disconnect()
    }
  }

  /** Gives `use` a connected producer (idempotent: all replicas acknowledge, once) and disconnects it. For many sends: `produce` connects for each. */
  async asProducer<T>(use: (producer: Producer) => Promise<T>, transactionalId?: string): Promise<T> {
    const producer = this.client().producer({
      createPartitioner: Partitioners.DefaultPartitioner,
      idempotent: true,
      maxInFlightRequests: 1,
      ...(transactionalId && { transactionalId }),
    })
    try {
      await producer.connect()
      return await use(producer)
    } finally {
      await producer.disconnect()
    }
  }

  /** A name that nothing else has: for topics, groups, transactional ids. */
  name(kind = 'test'): string {
    return `${kind}-${randomBytes(6).toString('hex')}`
  }

  /** Makes a topic and resolves when it has its leaders. `config` as Kafka names it, such as `{ 'max.message.bytes': '1000' }`. */
  async createTopic(partitions = 1, config: Readonly<Record<string, string>> = {}, topic = this.name('topic')): Promise<string> {
    const configEntries = Object.entries(config).map(([name, value]) => ({ name, value }))
    await this.asAdmin(async admin => {
      await admin.createTopics({
        waitForLeaders: false,
        topics: [{ topic, numPartitions: partitions, replicationFactor: 1, configEntries }],
      })
      // The controller has it before the broker does. kafkajs, waiting for leaders, takes it for an error that the broker knows of none.
      await until(10_000, () => admin.fetchTopicMetadata({ topics: [topic] }))
    })
    return topic
  }

  /** Adds partitions, up to `count` in all. */
  async createPartitions(topic: string, count: number): Promise<void> {
    await this.asAdmin(admin => admin.createPartitions({ topicPartitions: [{ topic, count }] }))
  }

  async deleteTopic(topic: string): Promise<void> {
    await this.asAdmin(admin => admin.deleteTopics({ topics: [topic] }))
  }

  /** Sends messages: each to its `partition`, else by its key. */
  async produce(topic: string, messages: Message[], compression = CompressionTypes.None): Promise<RecordMetadata[]> {
    return this.asProducer(producer => producer.send({ topic, messages, compression, acks: -1 }))
  }

  /** Sends messages in one transaction and waits for its end, which is a control record in each partition it touched, also when it is aborted. */
  async produceTransaction(topic: string, messages: Message[], outcome: 'commit' | 'abort' = 'commit'): Promise<void> {
    const sent = await this.asProducer(async producer => {
      const transaction = await producer.transaction()
      const metadata = await transaction.send({ topic, messages, acks: -1 })
      await transaction[outcome]()
      return metadata
    }, this.name('transaction'))
    // The broker answers before it has written the control records.
    await until(10_000, async () => {
      const bounds = await this.bounds(topic)
      const isOpen = sent.some(({ partition, baseOffset }) => bounds[partition]!.high <= Number(baseOffset))
      if (isOpen) throw new Error(`the transaction on ${topic} is still open`)
    })
  }

  /** The bounds of all partitions, by partition. */
  async bounds(topic: string): Promise<Bounds[]> {
    const offsets = await this.asAdmin(admin => admin.fetchTopicOffsets(topic))
    return offsets
      .map(({ partition, low, high }) => ({ partition, low: Number(low), high: Number(high) }))
      .sort((a, b) => a.partition - b.partition)
  }

  /** Removes the records before `offset`, as retention does. */
  async deleteRecords(topic: string, partition: number, offset: number): Promise<void> {
    await this.asAdmin(async admin => {
      // kafkajs deletes only where its admin has met the topic before.
      await admin.fetchTopicOffsets(topic)
      await admin.deleteTopicRecords({ topic, partitions: [{ partition, offset: `${offset}` }] })
    })
  }

  /** What a group has committed, by partition; null where nothing. */
  async committed(groupId: string, topic: string): Promise<(number | null)[]> {
    const [of] = await this.asAdmin(admin => admin.fetchOffsets({ groupId, topics: [topic] }))
    const sorted = [...of!.partitions].sort((a, b) => a.partition - b.partition)
    return sorted.map(({ offset }) => (Number(offset) < 0 ? null : Number(offset)))
  }

  /** Sets what a group without members has committed. */
  async commit(groupId: string, topic: string, partition: number, offset: number): Promise<void> {
    // By a transaction: kafkajs's setOffsets joins the group for 5 s. Again, because the first group of a new broker waits for its coordinator.
    await until(10_000, () => this.commitOnce(groupId, topic, partition, offset))
    await until(10_000, async () => {
      const now = (await this.committed(groupId, topic))[partition]
      if (now !== offset) throw new Error(`${groupId} has committed ${now}, not ${offset}`)
    })
  }

  private async commitOnce(groupId: string, topic: string, partition: number, offset: number): Promise<void> {
    await this.asProducer(async producer => {
      const transaction = await producer.transaction()
      try {
        await transaction.sendOffsets({ consumerGroupId: groupId, topics: [{ topic, partitions: [{ partition, offset: `${offset}` }] }] })
        await transaction.commit()
      } catch (error) {
        await transaction.abort().catch(() => {})
        throw error
      }
    }, this.name('transaction'))
  }

  /** All that a reader of committed records gets from the start to the present end; per partition in its order. Throws after `withinMs`. */
  async read(topic: string, withinMs = 30_000): Promise<ReadRecord[]> {
    const left = new Map((await this.bounds(topic)).filter(({ low, high }) => low < high).map(({ partition, high }) => [partition, high]))
    if (left.size === 0) return []
    const groupId = this.name('reader')
    const consumer = this.client().consumer({ groupId, maxWaitTimeInMs: 100, minBytes: 1 })
    try {
      await consumer.connect()
      return await readTo(left, consumer, topic, withinMs)
    } finally {
      await consumer.disconnect()
    }
  }

  /** Waits until the topic, made with {@link compacted}, holds no more than `keep` records but for those of the key `roll`, which it appends. */
  async compact(topic: string, keep: number, partition = 0): Promise<void> {
    await until(30_000, async () => {
      // A segment rolls by age when something is appended; the newest one is never compacted.
      await this.produce(topic, [{ partition, key: 'roll', value: null }])
      const there = (await this.read(topic)).filter(record => record.partition === partition && record.key?.toString() !== 'roll').length
      if (there > keep) throw new Error(`${topic} still holds ${there} records`)
    })
  }

  /** Lets `principal` (such as `User:alice`) do `operations` on a topic or a group, or forbids it. */
  async allow(
    principal: string,
    on: { readonly topic: string } | { readonly group: string },
    operations: readonly (keyof typeof AclOperationTypes)[],
    permission: 'ALLOW' | 'DENY' = 'ALLOW',
  ): Promise<void> {
    const entry = (operation: keyof typeof AclOperationTypes): AclEntry => ({
      principal,
      host: '*',
      operation: Operations[operation],
      permissionType: AclPermissionTypes[permission],
      resourceType: 'topic' in on ? AclResourceTypes.TOPIC : AclResourceTypes.GROUP,
      resourceName: 'topic' in on ? on.topic : on.group,
      resourcePatternType: ResourcePatternTypes.LITERAL,
    })
    await this.asAdmin(admin => admin.createAcls({ acl: operations.map(entry) }))
  }
}

/** Reads until each partition of `left` has reached its end. */
async function readTo(left: Map<number, number>, consumer: Consumer, topic: string, withinMs: number): Promise<ReadRecord[]> {
  // By place: a consumer that restarts begins again.
  const found = new Map<string, ReadRecord>()
  await consumer.subscribe({ topic, fromBeginning: true })
  let timer: NodeJS.Timeout | undefined
  try {
    await new Promise<void>((resolve, reject) => {
      const late = () =>
        reject(new Error(`read ${found.size} records of ${topic} and not the end of ${[...left.keys()]} in ${withinMs} ms`))
      timer = setTimeout(late, withinMs)
      // Emitted also for batches of control records and aborted ones only, for which eachBatch is not called.
      consumer.on(consumer.events.END_BATCH_PROCESS, ({ payload: { partition, lastOffset } }) => {
        if (Number(lastOffset) + 1 >= (left.get(partition) ?? 0)) left.delete(partition)
        if (left.size === 0) resolve()
      })
      consumer.on(consumer.events.CRASH, ({ payload }) => {
        if (!payload.restart) reject(payload.error)
      })
      const eachBatch = async ({ batch }: { batch: { partition: number; messages: KafkaMessage[] } }) => {
        for (const message of batch.messages) found.set(`${batch.partition}:${message.offset}`, readRecord(batch.partition, message))
      }
      consumer.run({ autoCommit: false, eachBatch }).catch(reject)
    })
  } finally {
    clearTimeout(timer)
  }
  return [...found.values()].sort((a, b) => a.partition - b.partition || a.offset - b.offset)
}

function readRecord(partition: number, { offset, timestamp, key, value, headers }: KafkaMessage): ReadRecord {
  return { partition, offset: Number(offset), timestamp: Number(timestamp), key, value, headers: headers ?? {} }
}
