import { promisify } from 'node:util'
import { gzip } from 'node:zlib'
import { type BatchCodec, batchCodec } from './codecs.js'
import { crc32c } from './crc32c.js'
import type { OutgoingMessage } from './driver.js'

/** The records of one partition. */
export interface PartitionRecords {
  readonly partition: number
  readonly messages: readonly OutgoingMessage[]
  /** The number of the first in the producer's sequence for this partition. */
  readonly firstSequence: number
}

/** What is to be produced to one broker. */
export interface ProduceAsked {
  readonly acks: number
  /** ms. */
  readonly timeout: number
  readonly producerId: string | number | bigint
  readonly producerEpoch: number
  /** Its number in the format: 0 none, 1 gzip, 2 snappy, 3 lz4, 4 zstd. */
  readonly compression: number
  readonly topicData: readonly { readonly topic: string; readonly partitions: readonly PartitionRecords[] }[]
}

/** Of a batch, from the base offset up to its records (Kafka's message format, version 2). */
const BATCH_HEADER_BYTES = 61
const CRC_AT = 17
const ATTRIBUTES_AT = 21
const MAGIC = 2

/** The body of a produce request, versions 3 to 8, without a transaction. */
export async function produceRequest(asked: ProduceAsked): Promise<Buffer> {
  const parts: Buffer[] = [numbers([-1, 2], [asked.acks, 2], [asked.timeout, 4], [asked.topicData.length, 4])]
  for (const { topic, partitions } of asked.topicData) {
    const name = Buffer.from(topic)
    parts.push(numbers([name.length, 2]), name, numbers([partitions.length, 4]))
    for (const records of partitions) {
      const batch = await recordBatch(records, asked)
      parts.push(numbers([records.partition, 4], [batch.length, 4]), batch)
    }
  }
  return Buffer.concat(parts)
}

/** One batch of records, with its checksum. */
export async function recordBatch(
  { messages, firstSequence }: Pick<PartitionRecords, 'messages' | 'firstSequence'>,
  { producerId, producerEpoch, compression }: Pick<ProduceAsked, 'producerId' | 'producerEpoch' | 'compression'>,
): Promise<Buffer> {
  const now = Date.now()
  const firstTimestamp = messages[0]?.timestamp ?? now
  let maxTimestamp = firstTimestamp
  for (const { timestamp = now } of messages) if (timestamp > maxTimestamp) maxTimestamp = timestamp
  const batch = await packed(recordsOf(messages, firstTimestamp, now), compression)
  batch.writeBigInt64BE(0n, 0)
  batch.writeInt32BE(batch.length - 12, 8)
  batch.writeInt32BE(0, 12)
  batch.writeInt8(MAGIC, 16)
  batch.writeInt16BE(compression, ATTRIBUTES_AT)
  batch.writeInt32BE(messages.length - 1, 23)
  batch.writeBigInt64BE(BigInt(firstTimestamp), 27)
  batch.writeBigInt64BE(BigInt(maxTimestamp), 35)
  batch.writeBigInt64BE(BigInt(producerId), 43)
  batch.writeInt16BE(producerEpoch, 51)
  batch.writeInt32BE(firstSequence, 53)
  batch.writeInt32BE(messages.length, 57)
  batch.writeUInt32BE(crc32c(batch, ATTRIBUTES_AT), CRC_AT)
  return batch
}

/** The records behind an empty header. */
function recordsOf(messages: readonly OutgoingMessage[], firstTimestamp: number, now: number): Buffer {
  let most = BATCH_HEADER_BYTES
  for (const message of messages) most += mostBytesOf(message)
  const writer = new RecordWriter(Buffer.allocUnsafe(most))
  for (let i = 0; i < messages.length; i++) {
    const message = messages[i]!
    writer.record(message, i, (message.timestamp ?? now) - firstTimestamp)
  }
  return writer.written
}

async function packed(batch: Buffer, compression: number): Promise<Buffer> {
  if (compression === 0) return batch
  const records = await codecs[compression]!.compress(batch.subarray(BATCH_HEADER_BYTES))
  return Buffer.concat([batch.subarray(0, BATCH_HEADER_BYTES), records])
}

/** Length, attributes, time, offset, and the lengths of key and value and how many headers there are: at most 5 bytes a number, 8 of a time. */
const MOST_OVERHEAD_BYTES = 5 + 1 + 8 + 5 + 5 + 5 + 5

/** A letter of UTF-16 is three bytes at most. */
function mostBytesOf({ key, value, headers }: OutgoingMessage): number {
  let bytes = MOST_OVERHEAD_BYTES + (key === null ? 0 : key.byteLength) + (value === null ? 0 : value.byteLength)
  for (let i = 0; i < headers.length; i++) bytes += 10 + headers[i]![0].length * 3 + headers[i]![1].byteLength
  return bytes
}

class RecordWriter {
  private at = BATCH_HEADER_BYTES

  constructor(private readonly bytes: Buffer) {}

  get written(): Buffer {
    return this.bytes.subarray(0, this.at)
  }

  record({ key, value, headers }: OutgoingMessage, offsetDelta: number, timestampDelta: number): void {
    let size = 1 + sizeOf(timestampDelta) + sizeOf(offsetDelta) + sizeOfBytes(key) + sizeOfBytes(value) + sizeOf(headers.length)
    for (let i = 0; i < headers.length; i++) {
      const name = Buffer.byteLength(headers[i]![0])
      size += sizeOf(name) + name + sizeOfBytes(headers[i]![1])
    }
    this.varint(size)
    this.bytes[this.at++] = 0
    this.varint(timestampDelta)
    this.varint(offsetDelta)
    this.bytesOrNull(key)
    this.bytesOrNull(value)
    this.varint(headers.length)
    for (let i = 0; i < headers.length; i++) {
      const [name, content] = headers[i]!
      this.varint(Buffer.byteLength(name))
      this.at += this.bytes.write(name, this.at)
      this.bytesOrNull(content)
    }
  }

  /** A whole number up to 2^52, in zigzag. */
  private varint(value: number): void {
    let rest = value < 0 ? -value * 2 - 1 : value * 2
    while (rest > 0x7fff_ffff) {
      this.bytes[this.at++] = (rest % 0x80) | 0x80
      rest = Math.floor(rest / 0x80)
    }
    while (rest > 0x7f) {
      this.bytes[this.at++] = (rest & 0x7f) | 0x80
      rest >>>= 7
    }
    this.bytes[this.at++] = rest
  }

  private bytesOrNull(content: Uint8Array | null): void {
    if (content === null) return this.varint(-1)
    this.varint(content.byteLength)
    this.bytes.set(content, this.at)
    this.at += content.byteLength
  }
}

function sizeOf(value: number): number {
  let rest = value < 0 ? -value * 2 - 1 : value * 2
  let bytes = 1
  for (; rest > 0x7f; rest = Math.floor(rest / 0x80)) bytes++
  return bytes
}

const sizeOfBytes = (content: Uint8Array | null): number => (content === null ? 1 : sizeOf(content.byteLength) + content.byteLength)

/** Whole numbers, each with its width in bytes. */
function numbers(...given: readonly (readonly [value: number, bytes: number])[]): Buffer {
  const buffer = Buffer.allocUnsafe(given.reduce((sum, [, bytes]) => sum + bytes, 0))
  let at = 0
  for (const [value, bytes] of given) at = buffer.writeIntBE(value, at, bytes)
  return buffer
}

const gzipped: Pick<BatchCodec, 'compress'> = { compress: promisify<Buffer, Buffer>(gzip) }
/** By their numbers in the format; the first means that nothing is packed. */
const codecs: readonly (Pick<BatchCodec, 'compress'> | null)[] = [
  null,
  gzipped,
  batchCodec('snappy'),
  batchCodec('lz4'),
  batchCodec('zstd'),
]
