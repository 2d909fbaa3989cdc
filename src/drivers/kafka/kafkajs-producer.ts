import type { Producer as KafkajsProducer, Message } from 'kafkajs'
import { MillraceError } from '../../core/errors.js'
import type { OutgoingMessage, Producer, ProducerOptions } from './driver.js'
import { brokerAnswerOf, kafkaError } from './kafka-error.js'
import type { Kafkajs } from './kafkajs-parts.js'
import { byKeyOrTurn, type Pick, TopicMessages, tellPartitions } from './kafkajs-produce.js'

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
  private readonly pick: Pick

  constructor(
    private readonly kafkajs: Kafkajs,
    private readonly options: ProducerOptions,
  ) {
    this.pick = pickOf(options)
  }

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
      createPartitioner: () => tellPartitions,
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
        topicMessages: byTopic(messages).map(([topic, of]) => ({ topic, messages: this.messagesOf(topic, of) })),
      })
    } catch (error) {
      await this.reset()
      throw error
    }
  }

  private messagesOf(topic: string, messages: readonly OutgoingMessage[]): Message[] {
    // Not an array, though kafkajs's types say so.
    return new TopicMessages(topic, messages, this.pick) as unknown as Message[]
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

function byTopic(messages: readonly OutgoingMessage[]): readonly (readonly [topic: string, messages: readonly OutgoingMessage[]])[] {
  const [first] = messages
  if (messages.every(({ topic }) => topic === first!.topic)) return messages.length === 0 ? [] : [[first!.topic, messages]]
  const found = new Map<string, OutgoingMessage[]>()
  for (const message of messages) {
    const of = found.get(message.topic)
    if (of === undefined) found.set(message.topic, [message])
    else of.push(message)
  }
  return [...found]
}

function pickOf({ partitioner = 'murmur2' }: ProducerOptions): Pick {
  return partitioner === 'murmur2' ? byKeyOrTurn() : (message, partitions) => partitioner(message, partitions.length)
}
