import type { CompressionTypes, ConsumerConfig, Kafka as KafkaClient, KafkaConfig } from 'kafkajs'
import type { Logger } from '../../core/log.js'

/** The brokers of a cluster, and the wire to one of them. */
export interface BrokerPool {
  withBroker<T>(use: (connected: { readonly broker: Wire }) => Promise<T>): Promise<T | null>
}

/** kafkajs's connections to one broker. Those of other requests than it knows can be sent by them, too. */
export interface Wire {
  readonly versions: Readonly<Record<number, { readonly maxVersion: number }>> | null
  readonly connectionPool: {
    send<T>(exchange: {
      readonly request: { readonly apiKey: number; readonly apiVersion: number; readonly apiName: string; encode(): Promise<object> }
      readonly response: { decode(bytes: Buffer): Promise<object>; parse(decoded: object): Promise<T> }
    }): Promise<T>
  }
}

/** What a commit is made on: kafkajs's own group, whose offset manager is of the generation of now. */
export interface CommittingGroup {
  readonly offsetManager: { commitOffsets(offsets: object): Promise<void> } | null
  readonly cluster: { readonly brokerPool: BrokerPool }
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
