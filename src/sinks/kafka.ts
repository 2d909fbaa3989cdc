import type { Envelope } from '../core/envelope.js'
import { silentLog } from '../core/log.js'
import { option, resolveOptions } from '../core/options.js'
import type { BatchLimits, Sink, SinkContext, SinkSession } from '../core/sink.js'
import { connectionOf, connectionRules } from '../drivers/kafka/connection.js'
import type { KafkaConnection, MakeDriver, ProducerOptions } from '../drivers/kafka/driver.js'
import { openKafka } from '../drivers/kafka/open-kafka.js'
import { inspectKafkaSink } from './kafka/inspect.js'
import { KafkaWriter } from './kafka/kafka-writer.js'
import type { MessageMapping } from './kafka/outgoing.js'
import { Topics } from './kafka/topics.js'

/** Options of {@link kafkaSink}. A function that throws fails its record. */
export interface KafkaSinkOptions<T> extends KafkaConnection {
  /** The topic of all messages, or of each. It must be there: none is made. */
  readonly topic: string | ((value: T, record: Envelope<T>) => string)
  /** Default `'keep'`: the record's, byte for byte. */
  readonly key?: 'keep' | ((value: T, record: Envelope<T>) => Uint8Array | string | null)
  /** Default `'keep'`: the record's, byte for byte, in their order, with repeats. */
  readonly headers?: 'keep' | ((value: T, record: Envelope<T>) => Iterable<readonly [name: string, value: Uint8Array | string]>)
  /** Default: bytes as they are, null as a tombstone, anything else as JSON. */
  readonly value?: (value: T, record: Envelope<T>) => Uint8Array | string | null
  /** `'hash'`: murmur2 of the key, as Java's clients; `'keep'`: the number of the origin's partition; or what a function says. Default `'hash'`. */
  readonly partition?: 'hash' | 'keep' | ((value: T, record: Envelope<T>) => number)
  /** Of each request, over the network and on the broker's disk. Default `'none'`. */
  readonly compression?: ProducerOptions['compression']
  /** `max.message.bytes` of the topic. A larger message, before compression, is its record's fault. Bytes, default 1,048,588, which is Kafka's. */
  readonly maxMessageBytes?: number
  /** How long a broker may take to answer one request. ms, default 10,000. */
  readonly requestTimeoutMs?: number
  /** When a batch is written. Default 1,000 records, 800 KiB, 100 ms. */
  readonly batch?: Partial<BatchLimits>
}

type Resolved<T> = ReturnType<typeof resolve<T>>

/**
 * Produces to topics of Kafka: by one idempotent producer, acknowledged by all replicas, one batch at a time, so that the order within a key is kept.
 *
 * At least once: after a failure whose outcome is not known the batch goes again. A message that is too large, not encodable, or for a topic or
 * partition that is not there, fails alone (`MILL_MESSAGE_TOO_LARGE`, `MILL_MESSAGE_INVALID`, `MILL_TOPIC_UNKNOWN`); while no broker can be reached,
 * the run waits.
 *
 * @throws {MillraceError} `MILL_OPTION_INVALID`, `MILL_OPTION_UNKNOWN` when called. Opening throws `MILL_TOPIC_UNKNOWN`, which names the topic,
 * `MILL_KAFKA_REFUSED` (credentials, rights) and `MILL_KAFKA_AWAY` (retryable).
 */
export function kafkaSink<T = unknown>(options: KafkaSinkOptions<T>): Sink<T> {
  return kafkaSinkOn(openKafka, options)
}

/**
 * {@link kafkaSink} on another client of Kafka.
 * @internal
 */
export function kafkaSinkOn<T>(makeDriver: MakeDriver, options: KafkaSinkOptions<T>): Sink<T> {
  const resolved = resolve(options)
  const { topic, batch } = resolved
  return {
    name: typeof topic === 'string' ? `kafka ${topic}` : 'kafka',
    batch: { maxRecords: 1_000, maxBytes: 800 * 1024, ...batch },
    maxConcurrentWrites: 1,
    open: context => open(makeDriver, resolved, context),
    describe: () => [
      `Kafka: topic ${typeof topic === 'string' ? topic : 'of each record'} of ${resolved.brokers.join(',')}`,
      'one idempotent producer, acknowledged by all replicas',
      'guarantees: each record at least once; after an unknown outcome a batch goes again',
    ],
    inspect: context =>
      inspectKafkaSink(makeDriver(connectionOf(resolved), silentLog), { topic, maxMessageBytes: resolved.maxMessageBytes }, context),
  }
}

function resolve<T>(options: KafkaSinkOptions<T>) {
  const isTopic = (value: unknown) => typeof value === 'function' || (typeof value === 'string' && value !== '')
  const orFunction =
    (...words: readonly string[]) =>
    (value: unknown) =>
      typeof value === 'function' || words.includes(value as string)
  return resolveOptions<KafkaSinkOptions<T>>('kafkaSink', options, {
    ...connectionRules,
    topic: option.matching('the name of a topic or a function', isTopic),
    key: option.matching("'keep' or a function", orFunction('keep'), { default: 'keep' }),
    headers: option.matching("'keep' or a function", orFunction('keep'), { default: 'keep' }),
    value: option.function({ optional: true }),
    partition: option.matching("'hash', 'keep' or a function", orFunction('hash', 'keep'), { default: 'hash' }),
    compression: option.oneOf(['none', 'gzip', 'snappy', 'lz4', 'zstd'], { default: 'none' }),
    maxMessageBytes: option.wholeNumber(1, { default: 1_048_588 }),
    requestTimeoutMs: option.wholeNumber(1, { default: 10_000 }),
    batch: option.object('an object of batch limits', { optional: true }),
  }) as MessageMapping<T> &
    Required<Pick<KafkaSinkOptions<T>, 'brokers' | 'clientId' | 'connectTimeoutMs' | 'compression' | 'requestTimeoutMs'>> &
    KafkaSinkOptions<T>
}

async function open<T>(makeDriver: MakeDriver, options: Resolved<T>, { log }: SinkContext): Promise<SinkSession<T>> {
  const driver = makeDriver(connectionOf(options), log)
  const topics = new Topics(driver)
  if (typeof options.topic === 'string') await topics.ask(options.topic)
  const { compression, requestTimeoutMs } = options
  const producer = await driver.openProducer({ compression, requestTimeoutMs })
  const writer = new KafkaWriter<T>(producer, topics, options)
  return {
    check: record => writer.check(record),
    write: (batch, signal) => writer.write(batch, signal),
    close: () => producer.close(),
  }
}
