import { createRequire } from 'node:module'
import type { ConsumerConfig, Kafka as KafkaClient, KafkaConfig } from 'kafkajs'
import type { Logger } from '../../core/log.js'
import { batchCodec } from './codecs.js'
import type { KafkaDriver, MakeDriver, TopicPartition } from './driver.js'
import { brokerAnswerOf } from './kafka-error.js'
import { openKafkajsAdmin } from './kafkajs-admin.js'
import { type BrokersCluster, type FetchingBroker, ownFetches } from './kafkajs-broker.js'
import { type FetchParts, fetchDecoders } from './kafkajs-fetch.js'
import { joinKafkajsGroup } from './kafkajs-group.js'
import { openKafkajsInspector } from './kafkajs-inspector.js'
import { type CommittingGroup, type Kafkajs, shortRetry } from './kafkajs-parts.js'
import { ownProduces, type ProducingBroker } from './kafkajs-produce.js'
import { openKafkajsProducer } from './kafkajs-producer.js'
import { oauthBearer } from './oauthbearer.js'
import { TroubleLog } from './trouble-log.js'

// The one file that loads kafkajs (2.2.4: CommonJS, and its inner files have no types), and mends it.
const require = createRequire(import.meta.url)

interface RequestQueue {
  readonly pending: { readonly length: number }
  readonly throttledUntil: number
  scheduleCheckPendingRequests(): void
}
interface BrokerPool {
  withBroker(use: (broker: object) => Promise<unknown>): Promise<unknown>
}
interface InnerCluster {
  fetchTopicsOffset(topics: readonly object[]): Promise<{ readonly partitions: readonly { readonly offset: string }[] }[]>
}
interface InnerGroup extends CommittingGroup {
  connect(): Promise<void>
}
interface OffsetManager {
  readonly cluster: InnerCluster
  readonly resolvedOffsets: Record<string, Record<number, string>>
  setDefaultOffset(at: TopicPartition): Promise<void>
}

mendIdleTimer()
mendRefusals()
const { CompressionCodecs, CompressionTypes, Kafka, logLevel, PartitionAssigners } = require('kafkajs') as typeof import('kafkajs')
/** The clusters of our own consumers: what is mended for those alone goes by it, whatever else uses kafkajs in this process. */
const ours = new WeakSet<object>()
const groups = rememberGroups()
const Broker = require('kafkajs/src/broker/index.js') as { readonly prototype: FetchingBroker & ProducingBroker }
ownProduces(Broker.prototype)
const fetchesOf = ownFetches(
  Broker.prototype,
  fetchDecoders({
    Decoder: require('kafkajs/src/protocol/decoder.js'),
    decodeMessages: require('kafkajs/src/protocol/requests/fetch/v4/decodeMessages.js'),
  } as FetchParts),
)
mendOutOfRange()
CompressionCodecs[CompressionTypes.Snappy] = fixed(asKafkajsCodec('snappy'))
CompressionCodecs[CompressionTypes.LZ4] = fixed(asKafkajsCodec('lz4'))
CompressionCodecs[CompressionTypes.ZSTD] = fixed(asKafkajsCodec('zstd'))

/** The driver on kafkajs. Opens nothing. */
export const kafkajsDriver: MakeDriver = (connection, log): KafkaDriver => {
  const client = (more?: Partial<KafkaConfig>, troubles = new TroubleLog(log)) =>
    new Kafka({ ...configOf(connection, log, troubles), ...more })
  const kafkajs: Kafkajs = {
    name: connection.brokers.join(','),
    log,
    client,
    consumer: given => {
      const troubles = new TroubleLog(log)
      return watchedConsumer(client({}, troubles), given, troubles)
    },
    compressions: CompressionTypes,
  }
  return {
    name: kafkajs.name,
    joinGroup: (options, handlers) => joinKafkajsGroup(kafkajs, options, handlers),
    openProducer: options => openKafkajsProducer(kafkajs, options),
    openAdmin: () => openKafkajsAdmin(kafkajs),
    openInspector: () => openKafkajsInspector(kafkajs),
  }
}

function configOf(connection: Parameters<MakeDriver>[0], log: Logger, troubles: TroubleLog): KafkaConfig {
  const { brokers, clientId, connectTimeoutMs, ssl, sasl } = connection
  return {
    brokers: [...brokers],
    clientId,
    connectionTimeout: connectTimeoutMs,
    authenticationTimeout: connectTimeoutMs,
    retry: shortRetry,
    logLevel: logLevel.WARN,
    logCreator: () => entry => write(log, troubles, entry.level, entry.log),
    ...(ssl !== undefined && { ssl: ssl as NonNullable<KafkaConfig['ssl']> }),
    ...(sasl !== undefined && { sasl: saslOf(sasl) }),
  }
}

function saslOf(sasl: NonNullable<Parameters<MakeDriver>[0]['sasl']>): NonNullable<KafkaConfig['sasl']> {
  if (sasl.mechanism === 'oauthbearer') return { mechanism: 'oauthbearer', authenticationProvider: oauthBearer(sasl.token) }
  if (sasl.mechanism === 'aws') return { ...sasl }
  const { mechanism, username, password } = sasl
  return { mechanism, username, password } as NonNullable<KafkaConfig['sasl']>
}

/** What kafkajs calls an error it mostly cures by itself; what it does not, it throws, and then we say it. */
function write(
  log: Logger,
  troubles: TroubleLog,
  level: number,
  { message, timestamp: _, ...fields }: { readonly message: string; readonly timestamp?: unknown },
): void {
  if (level === logLevel.ERROR) troubles.tell(message, fields)
  else log.debug('kafkajs said something', { message, ...fields })
}

function watchedConsumer(client: KafkaClient, config: ConsumerConfig, troubles: TroubleLog): ReturnType<Kafkajs['consumer']> {
  let cluster: object | undefined
  const stopping = new AbortController()
  const consumer = client.consumer({
    ...config,
    partitionAssigners: [
      given => {
        const found = (given as unknown as { readonly cluster: BrokersCluster }).cluster
        cluster = found
        ours.add(found)
        fetchesOf(found, stopping.signal)
        return PartitionAssigners.roundRobin(given)
      },
    ],
  })
  consumer.on(consumer.events.GROUP_JOIN, () => troubles.calm())
  return { consumer, group: () => (cluster === undefined ? undefined : groups.get(cluster)), letGo: () => stopping.abort() }
}

/** The inner group of each consumer, by the cluster that the two share. */
function rememberGroups(): WeakMap<object, CommittingGroup> {
  const found = new WeakMap<object, CommittingGroup>()
  const { prototype } = require('kafkajs/src/consumer/consumerGroup.js') as { readonly prototype: InnerGroup }
  const connect = prototype.connect
  prototype.connect = function (this: InnerGroup) {
    found.set(this.cluster, this)
    return connect.call(this)
  }
  return found
}

/**
 * So that an offset out of range is forgotten here alone. kafkajs tells the group to forget it, too: then nobody could say any more how far the group
 * was, and what retention took in between. Ours reads from the beginning, and says what is missing.
 */
function mendOutOfRange(): void {
  const { prototype } = require('kafkajs/src/consumer/offsetManager/index.js') as { readonly prototype: OffsetManager }
  const setDefaultOffset = prototype.setDefaultOffset
  prototype.setDefaultOffset = async function (this: OffsetManager, { topic, partition }) {
    if (!ours.has(this.cluster)) return setDefaultOffset.call(this, { topic, partition })
    const [found] = await this.cluster.fetchTopicsOffset([{ topic, partitions: [{ partition }], fromBeginning: true }])
    this.resolvedOffsets[topic]![partition] = found!.partitions[0]!.offset
  }
}

/** Without it an idle client burns 3 % of a core: the timer arms itself again for ever, with a delay below zero (issue 1704 of kafkajs). */
function mendIdleTimer(): void {
  const { prototype } = require('kafkajs/src/network/requestQueue/index.js') as { readonly prototype: RequestQueue }
  const schedule = prototype.scheduleCheckPendingRequests
  prototype.scheduleCheckPendingRequests = function (this: RequestQueue) {
    if (this.pending.length > 0 || this.throttledUntil > Date.now()) schedule.call(this)
  }
}

/** So that a missing right on a group is told: kafkajs says only that it found no coordinator, whatever each broker answered. */
function mendRefusals(): void {
  const { prototype } = require('kafkajs/src/cluster/brokerPool.js') as { readonly prototype: BrokerPool }
  const withBroker = prototype.withBroker
  prototype.withBroker = async function (this: BrokerPool, use) {
    let refusal: unknown
    const found = await withBroker.call(this, async broker => {
      try {
        return await use(broker)
      } catch (error) {
        if (brokerAnswerOf(error)?.endsWith('_AUTHORIZATION_FAILED')) refusal = error
        throw error
      }
    })
    if (found === null && refusal !== undefined) throw refusal
    return found
  }
}

function asKafkajsCodec(name: Parameters<typeof batchCodec>[0]): object {
  const codec = batchCodec(name)
  return {
    compress: (encoder: { readonly buffer: Buffer }) => codec.compress(encoder.buffer),
    decompress: (bytes: Buffer) => codec.decompress(bytes),
  }
}

function fixed<T>(value: T): () => T {
  return () => value
}
