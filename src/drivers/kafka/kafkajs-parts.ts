import type { CompressionTypes, ConsumerConfig, Kafka as KafkaClient, KafkaConfig } from 'kafkajs'
import type { Logger } from '../../core/log.js'

/** What a commit is made on: kafkajs's own group, whose offset manager is of the generation of now. */
export interface CommittingGroup {
  readonly offsetManager: { commitOffsets(offsets: object): Promise<void> } | null
  /** Asks the coordinator, unless it has answered within the interval. ms. */
  heartbeat(options: { readonly interval: number }): Promise<void>
}

/** What the parts of the driver get of kafkajs. */
export interface Kafkajs {
  /** The brokers, as in messages. */
  readonly name: string
  readonly log: Logger
  client(more?: Partial<KafkaConfig>): KafkaClient
  /** A consumer, and its inner group once it runs: kafkajs gives it to nobody, but one attempt of a commit can only be made on it. */
  consumer(config: ConsumerConfig): {
    readonly consumer: ReturnType<KafkaClient['consumer']>
    readonly group: () => CommittingGroup | undefined
    /** From now on no fetch is waited for: the consumer stops at once. */
    readonly letGo: () => void
  }
  readonly compressions: typeof CompressionTypes
}

/** Retries inside the client, within some 3 s: what lasts longer is the caller's to wait for. */
export const shortRetry = { initialRetryTime: 100, maxRetryTime: 1_000, retries: 5 } as const
