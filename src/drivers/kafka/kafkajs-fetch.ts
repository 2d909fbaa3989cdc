import { MillraceError } from '../../core/errors.js'

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
  readonly decodeBatch: (decoder: Decoder) => Promise<{ readonly records: readonly object[] }>
  /** Reads the message sets of before Kafka 0.11, too. */
  readonly decodeMessages: (decoder: Decoder) => Promise<object[]>
}

const MAGIC_AT = 16
const RECORD_BATCH_MAGIC = 2
/** Of a batch of records: base offset, and the length of what follows. */
const BATCH_HEADER_BYTES = 12

/**
 * Reads an answer to a fetch (version 11) as kafkajs does, but where a batch cannot be read says which: its own error has neither topic nor offset,
 * and what cannot be read would be asked for again without end.
 *
 * @throws {MillraceError} `MILL_BATCH_UNREADABLE`, `MILL_CODEC_UNAVAILABLE`; both with `retriable: false`, for kafkajs.
 */
export function fetchDecoder(parts: FetchParts): (bytes: Buffer) => Promise<object> {
  return async bytes => {
    const decoder = new parts.Decoder(bytes)
    const clientSideThrottleTime = decoder.readInt32()
    const errorCode = decoder.readInt16()
    const sessionId = decoder.readInt32()
    const responses = await decoder.readArrayAsync(async from => {
      const topicName = from.readString()
      return { topicName, partitions: await from.readArrayAsync(of => partitionOf(parts, topicName, of)) }
    })
    return { throttleTime: 0, clientSideThrottleTime, errorCode, sessionId, responses }
  }
}

async function partitionOf(parts: FetchParts, topic: string, decoder: Decoder): Promise<object> {
  const partition = decoder.readInt32()
  return {
    partition,
    errorCode: decoder.readInt16(),
    highWatermark: decoder.readInt64().toString(),
    lastStableOffset: decoder.readInt64().toString(),
    lastStartOffset: decoder.readInt64().toString(),
    abortedTransactions: decoder.readArray(of => ({ producerId: of.readInt64().toString(), firstOffset: of.readInt64().toString() })),
    preferredReadReplica: decoder.readInt32(),
    messages: await recordsOf(parts, topic, partition, decoder),
  }
}

async function recordsOf(parts: FetchParts, topic: string, partition: number, decoder: Decoder): Promise<readonly object[]> {
  const { buffer, offset } = decoder
  const size = buffer.readInt32BE(offset)
  const isOfOld = size > MAGIC_AT && buffer.readInt8(offset + 4 + MAGIC_AT) !== RECORD_BATCH_MAGIC
  if (isOfOld) return parts.decodeMessages(decoder)
  decoder.readInt32()
  if (size <= 0 || !decoder.canReadBytes(size)) return []
  const batches = new parts.Decoder(decoder.readBytes(size))
  const records: object[] = []
  // The last one may be cut off, by the size that was asked for.
  while (
    batches.canReadBytes(BATCH_HEADER_BYTES) &&
    batches.canReadBytes(BATCH_HEADER_BYTES + batches.buffer.readInt32BE(batches.offset + 8))
  ) {
    const at = Number(batches.buffer.readBigInt64BE(batches.offset))
    try {
      const batch = await parts.decodeBatch(batches)
      for (const record of batch.records) records.push(record)
    } catch (error) {
      throw unreadable(topic, partition, at, error)
    }
  }
  return records
}

function unreadable(topic: string, partition: number, offset: number, error: unknown): Error {
  if (error instanceof MillraceError) return error
  const reason = error instanceof Error ? error.message : String(error)
  // Without a cause: kafkajs keeps only the innermost one of an error.
  return Object.assign(new MillraceError('MILL_BATCH_UNREADABLE', { topic, partition, offset, reason }), { retriable: false })
}
