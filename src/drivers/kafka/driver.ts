import type { Logger } from '../../core/log.js'
import type { Inspector } from './inspector.js'

/** One partition of a topic. */
export interface TopicPartition {
  readonly topic: string
  readonly partition: number
}

/** A partition and an offset in it: where to go on, not the last that was read. */
export interface TopicOffset extends TopicPartition {
  readonly offset: number
}

/** A message as it was fetched. Nothing is decoded; headers keep their order and repeats. */
export interface FetchedMessage {
  readonly offset: number
  /** Milliseconds since 1970. */
  readonly timestamp: number
  readonly key: Uint8Array | null
  /** null: a tombstone. */
  readonly value: Uint8Array | null
  readonly headers: readonly (readonly [name: string, value: Uint8Array])[]
  /** `MILL_BATCH_UNREADABLE`: it stands for a whole batch, at the last offset of that, and its value is the batch. */
  readonly fault?: Error
}

/** What one fetch gave of one partition. */
export interface FetchedBatch extends TopicPartition {
  /** What was asked for. The first message may stand later: compaction, or a hole. */
  readonly fetchedOffset: number
  /** Where the next fetch goes on: past the last message, and past control records and what compaction removed behind it. */
  readonly nextOffset: number
  /** The end of the partition (of read_committed: the last stable offset), for lag. */
  readonly endOffset: number
  readonly messages: readonly FetchedMessage[]
}

/** What the handler of a batch may do while it holds the batch. */
export interface BatchControl {
  /** Moves the position of the next fetch. What is not resolved when the handler returns is fetched again. */
  resolve(nextOffset: number): void
  /** To be called at least once every `heartbeatIntervalMs` while the batch is held. Throws when the group rebalances. */
  heartbeat(): Promise<void>
  /** Whether what the batch holds is still wanted: false after a seek, a revoke, or when the consumer is being stopped. */
  isLive(): boolean
}

/** What a member of a consumer group is told. None of these but `onBatch` is awaited. */
export interface GroupHandlers {
  /**
   * The member joined: these partitions are its own now, the others it had are not. `isSameMember`: it was in the group in every generation
   * before, so nobody else had what it keeps. A seek or pause of `member` (the one that `joinGroup` gives, which has not resolved yet at the first
   * join) called before this returns is obeyed before the next fetch.
   */
  onAssigned(assigned: readonly TopicPartition[], isSameMember: boolean, member: GroupMember): void
  /** A rebalance begins. Commits are still taken. */
  onRebalancing(): void
  /** Never twice at a time for one partition. A throw is not an answer: it must handle what can go wrong; only `heartbeat`'s error is to be thrown on. */
  onBatch(batch: FetchedBatch, control: BatchControl): Promise<void>
  /** A fetch found only what is not for readers (control records, aborted transactions): reading goes on at `nextOffset`. */
  onSkipped(partition: TopicPartition, nextOffset: number): void
  /** A fetch was answered, with or without records. For watchdogs. */
  onFetched(): void
  /** The member is gone and does not come back by itself. The error is classified (`retryable`). A fresh one has to be opened. */
  onCrashed(error: Error): void
}

/** How a member joins. */
export interface GroupOptions {
  readonly groupId: string
  /** Names, or one expression; an expression is resolved when the group is opened. */
  readonly topics: readonly string[] | RegExp
  readonly sessionTimeoutMs: number
  readonly rebalanceTimeoutMs: number
  readonly heartbeatIntervalMs: number
  readonly maxBytesPerPartition: number
  /** Of one answer of one broker. */
  readonly maxBytes: number
  /** How long the broker waits for records before it answers with none. */
  readonly maxWaitMs: number
  readonly partitionsConcurrently: number
}

/** A member of a consumer group. */
export interface GroupMember {
  /** As the group knows it. A member that was silent for too long joins under another. */
  readonly id: string
  /** The topics it reads, an expression resolved. */
  readonly topics: readonly string[]
  /** Local: the group is told nothing. */
  seek(to: TopicOffset): void
  pause(partitions: readonly TopicPartition[]): void
  resume(partitions: readonly TopicPartition[]): void
  /** By topic its id, which one made anew under the same name does not have. Empty where the brokers know none (before Kafka 2.8). */
  topicIds(): Promise<ReadonlyMap<string, string>>
  /** Resolves when the group says that this is a member of it, in the generation of now. Throws, retryable, when it rebalances or does not know it. */
  confirm(): Promise<void>
  /** One attempt in the generation of now. Throws when the broker refuses; it is to be computed anew then, never sent again. */
  commit(offsets: readonly TopicOffset[]): Promise<void>
  /** Leaves the group. Handlers that hold a batch must let it go first; `isLive` says so. */
  stop(): Promise<void>
}

/** A message to be produced. */
export interface OutgoingMessage {
  readonly topic: string
  /** Default: what the partitioner says. */
  readonly partition?: number
  readonly key: Uint8Array | null
  readonly value: Uint8Array | null
  readonly headers: readonly (readonly [name: string, value: Uint8Array])[]
  /** Milliseconds since 1970. Default: now. */
  readonly timestamp?: number
}

/** How messages are produced. */
export interface ProducerOptions {
  readonly compression: 'none' | 'gzip' | 'snappy' | 'lz4' | 'zstd'
  /** How long the broker may take to answer one request. */
  readonly requestTimeoutMs: number
  /** `'murmur2'`: as Java's clients. A function picks by itself. Default `'murmur2'`. */
  readonly partitioner?: 'murmur2' | ((message: OutgoingMessage, partitions: number) => number)
}

/** One idempotent producer, acks of all replicas. */
export interface Producer {
  /**
   * Resolves when all are acknowledged; sends go one after the other. After a throw it is not known which are; the error is classified (`retryable`).
   *
   * @throws {MillraceError} `MILL_MESSAGE_TOO_LARGE` where one message alone is too large for its topic: `details.index` says which of `messages`.
   *   All before it are acknowledged, none after it was sent (unless together with those before it: such may come twice).
   */
  send(messages: readonly OutgoingMessage[]): Promise<void>
  close(): Promise<void>
}

/** The first and the end offset of a partition. */
export interface OffsetRange {
  readonly partition: number
  readonly low: number
  /** Of read_committed: the last stable offset. */
  readonly high: number
}

/** Questions to the cluster. Each error is classified (`retryable`). */
export interface Admin {
  topics(): Promise<readonly string[]>
  /** The partitions' ranges; `MILL_TOPIC_UNKNOWN` when there is no such topic. */
  ranges(topic: string): Promise<readonly OffsetRange[]>
  /** The first offset at or after the moment; the end where there is none. */
  offsetsAt(topic: string, timestampMs: number): Promise<readonly { readonly partition: number; readonly offset: number }[]>
  /** What the group has committed; partitions without are left out. */
  committed(groupId: string, topics: readonly string[]): Promise<readonly TopicOffset[]>
  createTopic(topic: string, options: { readonly partitions: number; readonly config?: Readonly<Record<string, string>> }): Promise<void>
  close(): Promise<void>
}

/** A client of one cluster. kafkajs stands behind it in one file; a second client passes the same suite (test/behaviours/kafka-driver.ts). */
export interface KafkaDriver {
  /** As in messages: the brokers. Never a password. */
  readonly name: string
  joinGroup(options: GroupOptions, handlers: GroupHandlers): Promise<GroupMember>
  openProducer(options: ProducerOptions): Promise<Producer>
  openAdmin(): Promise<Admin>
  /** For `millrace doctor`. A driver may go without. */
  openInspector?(): Promise<Inspector>
}

/** How a cluster is reached. */
export interface KafkaConnection {
  /** `host:port` of some of the brokers. */
  readonly brokers: readonly string[]
  /** Default `'millrace'`. */
  readonly clientId?: string
  /** true, or what Node's `tls.connect` takes: `ca`, `cert`, `key`, `rejectUnauthorized`, … */
  readonly ssl?: boolean | object
  readonly sasl?: KafkaSasl
  /** Default 10,000. */
  readonly connectTimeoutMs?: number
}

/** Who we are to the brokers. */
export type KafkaSasl =
  | { readonly mechanism: 'plain' | 'scram-sha-256' | 'scram-sha-512'; readonly username: string; readonly password: string }
  | { readonly mechanism: 'oauthbearer'; readonly token: () => Promise<string> }
  | {
      readonly mechanism: 'aws'
      readonly authorizationIdentity: string
      readonly accessKeyId: string
      readonly secretAccessKey: string
      readonly sessionToken?: string
    }

/** Makes the driver of a connection. Opens nothing. */
export type MakeDriver = (
  connection: Required<Pick<KafkaConnection, 'brokers' | 'clientId' | 'connectTimeoutMs'>> & KafkaConnection,
  log: Logger,
) => KafkaDriver
