import type { KafkaMessage } from 'kafkajs'
import { isMillraceError } from '../../core/errors.js'
import type { FetchedMessage } from './driver.js'
import { fetchedMessage } from './kafkajs-message.js'
import { type AbortedTransaction, areRecordBatches, type Records, readRecords } from './record-batch.js'

/** kafkajs's reader of bytes. */
export interface Decoder {
  readonly buffer: Buffer
  offset: number
  readInt32(): number
  readInt16(): number
  readInt64(): bigint
  readString(): string
  readBytes(length: number): Buffer
  readArray<T>(read: (decoder: Decoder) => T): T[]
  readArrayAsync<T>(read: (decoder: Decoder) => Promise<T>): Promise<T[]>
  canReadBytes(length: number): boolean
}

/** The parts of kafkajs of which an answer to a fetch is read. */
export interface FetchParts {
  readonly Decoder: new (bytes: Buffer) => Decoder
  /** Reads the message sets of before Kafka 0.11. */
  readonly decodeMessages: (decoder: Decoder) => Promise<readonly KafkaMessage[]>
}

/** What a fetch asked for. */
export interface FetchAsked {
  readonly topics: readonly {
    readonly topic: string
    readonly partitions: readonly { readonly partition: number; readonly fetchOffset: string }[]
  }[]
}

/** Reads the answers to one request. */
export type FetchDecoder = (bytes: Buffer) => Promise<object>

/** kafkajs works on these as on messages: at most one, which stands for all and says where they end. */
export interface Standin extends ReadonlyArray<object> {
  readonly fetched: readonly FetchedMessage[]
}

/**
 * Makes the reader of answers (version 11) to a fetch. Not kafkajs's, because that
 * - loses the order of headers of unlike names,
 * - says of a batch which it cannot read neither topic nor offset, and asks for it again without end,
 * - goes over what compaction removed at the end of a batch one offset a fetch,
 * - takes three times as long, most of it for offsets as BigInt (kafka.count).
 *
 * @throws {MillraceError} `MILL_CODEC_UNAVAILABLE`, with `retriable: false` for kafkajs.
 */
export function fetchDecoders(parts: FetchParts): (asked: FetchAsked) => FetchDecoder {
  return asked => {
    const fromOf = new Map(
      asked.topics.flatMap(({ topic, partitions }) =>
        partitions.map(({ partition, fetchOffset }) => [`${topic}/${partition}`, Number(fetchOffset)] as const),
      ),
    )
    return async bytes => {
      const decoder = new parts.Decoder(bytes)
      const clientSideThrottleTime = decoder.readInt32()
      const errorCode = decoder.readInt16()
      const sessionId = decoder.readInt32()
      const responses = await decoder.readArrayAsync(async from => {
        const topicName = from.readString()
        const partitions = await from.readArrayAsync(of => readPartition(parts, topicName, fromOf, of))
        return { topicName, partitions }
      })
      return { throttleTime: 0, clientSideThrottleTime, errorCode, sessionId, responses }
    }
  }
}

async function readPartition(parts: FetchParts, topic: string, fromOf: ReadonlyMap<string, number>, decoder: Decoder): Promise<object> {
  const partition = decoder.readInt32()
  const errorCode = decoder.readInt16()
  const highWatermark = decoder.readInt64().toString()
  const lastStableOffset = decoder.readInt64().toString()
  const lastStartOffset = decoder.readInt64().toString()
  const aborted = decoder.readArray((of): AbortedTransaction => ({ producerId: of.readInt64(), firstOffset: of.readInt64() }))
  const preferredReadReplica = decoder.readInt32()
  const from = fromOf.get(`${topic}/${partition}`) ?? 0
  const size = decoder.buffer.readInt32BE(decoder.offset)
  const isOfOld = size > 0 && !areRecordBatches(decoder.buffer.subarray(decoder.offset + 4))
  const records = isOfOld ? await ofMessageSet(parts, decoder, from) : await ofBatches(decoder, { topic, partition, from, aborted })
  // What was aborted is left out already.
  const rest = { abortedTransactions: [], preferredReadReplica, messages: standin(records) }
  return { partition, errorCode, highWatermark, lastStableOffset, lastStartOffset, ...rest }
}

async function ofBatches(decoder: Decoder, asked: Parameters<typeof readRecords>[1]): Promise<Records> {
  const size = decoder.readInt32()
  try {
    return await readRecords(size > 0 && decoder.canReadBytes(size) ? decoder.readBytes(size) : nothing, asked)
  } catch (error) {
    // Without a cause: kafkajs keeps only the innermost one of an error.
    if (isMillraceError(error)) Object.assign(error, { retriable: false })
    throw error
  }
}

async function ofMessageSet(parts: FetchParts, decoder: Decoder, from: number): Promise<Records> {
  const found = await parts.decodeMessages(decoder)
  const messages = found.map(fetchedMessage).filter(({ offset }) => offset >= from)
  const last = found.at(-1)
  return { messages, nextOffset: last === undefined ? null : Number(last.offset) + 1 }
}

/** Where there is nothing to be read: a control record, over which kafkajs goes on. */
function standin({ messages, nextOffset }: Records): Standin {
  const isEmpty = messages.length === 0
  const stand = { offset: `${(nextOffset ?? 0) - 1}`, key: null, value: null, headers: {}, isControlRecord: isEmpty, batchContext: {} }
  return Object.assign(nextOffset === null ? [] : [stand], { fetched: messages })
}

const nothing = Buffer.alloc(0)
