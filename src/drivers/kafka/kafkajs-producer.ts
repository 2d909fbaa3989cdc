import type { IHeaders, Producer as KafkajsProducer, Message, ProducerConfig } from 'kafkajs'
import { MillraceError } from '../../core/errors.js'
import type { OutgoingMessage, Producer, ProducerOptions } from './driver.js'
import { brokerAnswerOf, kafkaError } from './kafka-error.js'
import type { Kafkajs } from './kafkajs-parts.js'

/** Brokers take 1 MiB a batch of one partition by default (max.message.bytes): a request stays below it with its own overhead. */
const MAX_REQUEST_BYTES = 900_000
/** Of a record without its key, value and headers. */
const RECORD_OVERHEAD_BYTES = 24

/** Opens a producer. Its sends go one after the other. */
export async function openKafkajsProducer(kafkajs: Kafkajs, options: ProducerOptions): Promise<Producer> {
  const producer = new IdempotentProducer(kafkajs, options)
  await producer.open()
  return producer
}

/**
 * One idempotent producer. After any error its place in the sequences is not known: kafkajs would give the numbers of what failed to what comes next,
 * which the broker then drops as a repeat. So it is thrown away and opened anew; and two sends at a time would meet the same.
 */
class IdempotentProducer implements Producer {
  private opened: Promise<KafkajsProducer> | undefined
  private last: Promise<unknown> = Promise.resolve()
  private isClosed = false

  constructor(
    private readonly kafkajs: Kafkajs,
    private readonly options: ProducerOptions,
  ) {}

  async open(): Promise<KafkajsProducer> {
    this.opened ??= this.connect()
    try {
      return await this.opened
    } catch (error) {
      this.opened = undefined
      throw this.errorOf(error)
    }
  }

  private async connect(): Promise<KafkajsProducer> {
    const { kafkajs, options } = this
    const producer = kafkajs.client({ requestTimeout: options.requestTimeoutMs }).producer({
      createPartitioner: partitionerOf(kafkajs, options),
      idempotent: true,
      allowAutoTopicCreation: false,
      retry: { initialRetryTime: 100, maxRetryTime: 1_000, retries: 5 },
    })
    try {
      await producer.connect()
    } catch (error) {
      await producer.disconnect().catch(() => {})
      throw error
    }
    return producer
  }

  send(messages: readonly OutgoingMessage[]): Promise<void> {
    const sent = this.last.then(() => this.sendAll(messages))
    this.last = sent.catch(() => {})
    return sent
  }

  private async sendAll(messages: readonly OutgoingMessage[]): Promise<void> {
    for (let from = 0; from < messages.length; ) {
      const to = endOfRequest(messages, from)
      await this.sendSome(messages, from, to)
      from = to
    }
  }

  private async sendSome(messages: readonly OutgoingMessage[], from: number, to: number): Promise<void> {
    const some = messages.slice(from, to)
    try {
      await this.request(some)
    } catch (error) {
      if (!isOfRecord(error)) throw this.errorOf(error, some)
      if (to - from === 1) throw this.recordError(error, some[0]!, from)
      // One of them is too large for its topic, or all together are: one by one tells which.
      for (let at = from; at < to; at++) await this.sendSome(messages, at, at + 1)
    }
  }

  private async request(messages: readonly OutgoingMessage[]): Promise<void> {
    if (this.isClosed) throw new Error('the producer is closed')
    const producer = await this.open()
    const { compressions } = this.kafkajs
    const compression = {
      none: compressions.None,
      gzip: compressions.GZIP,
      snappy: compressions.Snappy,
      lz4: compressions.LZ4,
      zstd: compressions.ZSTD,
    }
    try {
      await producer.sendBatch({
        acks: -1,
        timeout: this.options.requestTimeoutMs,
        compression: compression[this.options.compression],
        topicMessages: byTopic(messages),
      })
    } catch (error) {
      await this.reset()
      throw error
    }
  }

  private async reset(): Promise<void> {
    const { opened } = this
    this.opened = undefined
    await opened?.then(producer => producer.disconnect()).catch(() => {})
  }

  async close(): Promise<void> {
    await this.last
    this.isClosed = true
    await this.reset()
  }

  private recordError(cause: unknown, message: OutgoingMessage, index: number): MillraceError {
    return new MillraceError('MILL_MESSAGE_TOO_LARGE', { topic: message.topic, bytes: bytesOf(message), index }, { cause })
  }

  private errorOf(error: unknown, messages: readonly OutgoingMessage[] = []): MillraceError {
    const topics = [...new Set(messages.map(({ topic }) => topic))].join(', ')
    const doing = topics === '' ? 'open a producer' : `produce to ${topics}`
    return kafkaError(error, { cluster: this.kafkajs.name, doing, topic: topics === '' ? undefined : topics })
  }
}

const isOfRecord = (error: unknown): boolean => {
  const answer = brokerAnswerOf(error)
  return answer === 'MESSAGE_TOO_LARGE' || answer === 'RECORD_LIST_TOO_LARGE'
}

/** The index after the last message that goes into the request that begins at `from`: at least one. */
function endOfRequest(messages: readonly OutgoingMessage[], from: number): number {
  let bytes = 0
  for (let at = from; at < messages.length; at++) {
    bytes += bytesOf(messages[at]!)
    if (bytes > MAX_REQUEST_BYTES && at > from) return at
  }
  return messages.length
}

function bytesOf({ key, value, headers }: OutgoingMessage): number {
  let bytes = RECORD_OVERHEAD_BYTES + (key?.byteLength ?? 0) + (value?.byteLength ?? 0)
  for (const [name, content] of headers) bytes += name.length + content.byteLength + 4
  return bytes
}

type Partitioner = ReturnType<NonNullable<ProducerConfig['createPartitioner']>>
/** A message on its way: the partition stays once it is picked, else a second try could send it elsewhere under the number of another. */
type Sending = Message & { partition?: number; readonly outgoing: OutgoingMessage }

function partitionerOf(kafkajs: Kafkajs, { partitioner = 'murmur2' }: ProducerOptions): () => Partitioner {
  return () => {
    const murmur2 = kafkajs.murmur2()
    const pick: Partitioner =
      partitioner === 'murmur2'
        ? murmur2
        : ({ message, partitionMetadata }) => partitioner((message as Sending).outgoing, partitionMetadata.length)
    return given => {
      const message = given.message as Sending
      message.partition ??= pick(given)
      return message.partition
    }
  }
}

function byTopic(messages: readonly OutgoingMessage[]): { topic: string; messages: Sending[] }[] {
  const found = new Map<string, Sending[]>()
  for (const outgoing of messages) {
    const of = found.get(outgoing.topic)
    if (of === undefined) found.set(outgoing.topic, [sending(outgoing)])
    else of.push(sending(outgoing))
  }
  return [...found].map(([topic, of]) => ({ topic, messages: of }))
}

function sending(outgoing: OutgoingMessage): Sending {
  const { key, value, headers, partition, timestamp } = outgoing
  return {
    outgoing,
    key: bufferOf(key),
    value: bufferOf(value),
    headers: headers.length === 0 ? noHeaders : headersOf(headers),
    ...(partition !== undefined && { partition }),
    ...(timestamp !== undefined && { timestamp: String(timestamp) }),
  }
}

const noHeaders: IHeaders = Object.freeze({})

function headersOf(headers: OutgoingMessage['headers']): IHeaders {
  const found: Record<string, Buffer | Buffer[]> = Object.create(null)
  for (const [name, value] of headers) {
    const before = found[name]
    const bytes = bufferOf(value)!
    if (before === undefined) found[name] = bytes
    else if (Array.isArray(before)) before.push(bytes)
    else found[name] = [before, bytes]
  }
  return found
}

/** kafkajs writes what is no Buffer as text. */
function bufferOf(bytes: Uint8Array | null): Buffer | null {
  if (bytes === null || Buffer.isBuffer(bytes)) return bytes
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
}
