import { promisify } from 'node:util'
import { gunzip } from 'node:zlib'
import { isMillraceError, MillraceError } from '../../core/errors.js'
import { type BatchCodec, batchCodec } from './codecs.js'
import type { FetchedMessage, TopicPartition } from './driver.js'

/** A transaction that was aborted: what its producer wrote from there to its marker is not for readers. */
export interface AbortedTransaction {
  readonly producerId: bigint
  readonly firstOffset: bigint
}

/** What was asked for, and what belongs to the answer. */
export interface RecordsAsked extends TopicPartition {
  /** What stands before is left out: a batch that is packed comes whole. */
  readonly from: number
  readonly aborted: readonly AbortedTransaction[]
}

/** The records of one partition of an answer. */
export interface Records {
  readonly messages: readonly FetchedMessage[]
  /** Behind the last batch that is there whole, compacted and control records included; null where there is none. */
  readonly nextOffset: number | null
}

/** Of a batch, by its beginning (Kafka's message format, version 2). */
const LENGTH_AT = 8
const MAGIC_AT = 16
const ATTRIBUTES_AT = 21
const LAST_DELTA_AT = 23
const FIRST_TIMESTAMP_AT = 27
const MAX_TIMESTAMP_AT = 35
const PRODUCER_AT = 43
const COUNT_AT = 57
const RECORDS_AT = 61
const LENGTH_OVERHEAD = 12

const CODEC_MASK = 7
const LOG_APPEND_TIME = 8
const TRANSACTIONAL = 16
const CONTROL = 32
const ABORT_MARKER = 0

/** Whether these are batches of records, and not the message sets of before Kafka 0.11. */
export function areRecordBatches(bytes: Buffer): boolean {
  return bytes.length <= MAGIC_AT || bytes.readInt8(MAGIC_AT) >= 2
}

/**
 * Reads the batches of a partition, up to one that is cut off by the size that was asked for. A batch that cannot be read becomes one message, at its last
 * offset, with the batch as value and `MILL_BATCH_UNREADABLE` as `fault`: what stands before and behind it is not lost.
 *
 * @throws {MillraceError} `MILL_CODEC_UNAVAILABLE`: nothing is wrong with the batch.
 */
export async function readRecords(bytes: Buffer, asked: RecordsAsked): Promise<Records> {
  const messages: FetchedMessage[] = []
  const aborted = new AbortedFilter(asked.aborted)
  let nextOffset: number | null = null
  for (let at = 0; at + LENGTH_OVERHEAD <= bytes.length; ) {
    const end = at + LENGTH_OVERHEAD + bytes.readInt32BE(at + LENGTH_AT)
    if (end > bytes.length || end < at + RECORDS_AT) break
    const batch = bytes.subarray(at, end)
    const last = Number(batch.readBigInt64BE(0)) + batch.readInt32BE(LAST_DELTA_AT)
    if (last >= asked.from) await readBatch(batch, last, asked, aborted, messages)
    nextOffset = last + 1
    at = end
  }
  return { messages, nextOffset }
}

async function readBatch(
  batch: Buffer,
  last: number,
  asked: RecordsAsked,
  aborted: AbortedFilter,
  messages: FetchedMessage[],
): Promise<void> {
  const had = messages.length
  try {
    if (!aborted.admits(batch)) return
    const codec = codecs[batch.readInt16BE(ATTRIBUTES_AT) & CODEC_MASK]
    if (codec === undefined) throw new Error('its codec is not known')
    const records = codec === null ? batch.subarray(RECORDS_AT) : await codec.decompress(batch.subarray(RECORDS_AT))
    readRecordsOf(batch, records, asked.from, messages)
  } catch (error) {
    if (isMillraceError(error)) throw error
    messages.length = had
    messages.push(unreadable(batch, last, asked, error))
  }
}

function readRecordsOf(batch: Buffer, bytes: Buffer, from: number, messages: FetchedMessage[]): void {
  const first = Number(batch.readBigInt64BE(0))
  const firstTimestamp = Number(batch.readBigInt64BE(FIRST_TIMESTAMP_AT))
  const isLogTime = (batch.readInt16BE(ATTRIBUTES_AT) & LOG_APPEND_TIME) !== 0
  const logTime = isLogTime ? Number(batch.readBigInt64BE(MAX_TIMESTAMP_AT)) : 0
  const count = batch.readInt32BE(COUNT_AT)
  const reader = new RecordReader(bytes)
  for (let i = 0; i < count; i++) {
    reader.begin()
    const timestamp = firstTimestamp + reader.varint()
    const offset = first + reader.varint()
    // The batch begins before what was asked for: its first ones are known.
    if (offset >= from) {
      const key = reader.bytesOrNull()
      const value = reader.bytesOrNull()
      messages.push({ offset, timestamp: isLogTime ? logTime : timestamp, key, value, headers: reader.headers() })
    }
    reader.end()
  }
}

function unreadable(batch: Buffer, last: number, { topic, partition, from }: RecordsAsked, error: unknown): FetchedMessage {
  const offset = Math.max(from, Number(batch.readBigInt64BE(0)))
  const reason = error instanceof Error ? error.message : String(error)
  return {
    offset: last,
    timestamp: Number(batch.readBigInt64BE(MAX_TIMESTAMP_AT)),
    key: null,
    value: batch,
    headers: noHeaders,
    fault: new MillraceError('MILL_BATCH_UNREADABLE', { topic, partition, offset, last, reason }),
  }
}

/** Leaves out what is not for readers: control records, and what was aborted. As Java's client does, by batches. */
class AbortedFilter {
  private readonly coming: AbortedTransaction[]
  private readonly producers = new Set<bigint>()

  constructor(aborted: readonly AbortedTransaction[]) {
    this.coming = [...aborted].sort((a, b) => (a.firstOffset < b.firstOffset ? -1 : a.firstOffset > b.firstOffset ? 1 : 0))
  }

  admits(batch: Buffer): boolean {
    const attributes = batch.readInt16BE(ATTRIBUTES_AT)
    if ((attributes & (TRANSACTIONAL | CONTROL)) === 0) return true
    const producer = batch.readBigInt64BE(PRODUCER_AT)
    const last = batch.readBigInt64BE(0) + BigInt(batch.readInt32BE(LAST_DELTA_AT))
    while (this.coming.length > 0 && this.coming[0]!.firstOffset <= last) this.producers.add(this.coming.shift()!.producerId)
    if ((attributes & CONTROL) === 0) return !this.producers.has(producer)
    if (markerOf(batch) === ABORT_MARKER) this.producers.delete(producer)
    return false
  }
}

/** The type of a control record: the second number of its key. */
function markerOf(batch: Buffer): number | undefined {
  if (batch.readInt32BE(COUNT_AT) === 0) return undefined
  const reader = new RecordReader(batch.subarray(RECORDS_AT))
  reader.begin()
  reader.varint()
  reader.varint()
  return reader.bytesOrNull()?.readInt16BE(2)
}

const noHeaders: FetchedMessage['headers'] = Object.freeze([])
const noBytes = Buffer.alloc(0)

/** Reads records one after the other: each begins with its length, and what it does not fill is passed over. */
class RecordReader {
  private at = 0
  private until = 0

  constructor(private readonly bytes: Buffer) {
    this.until = bytes.length
  }

  begin(): void {
    this.until = this.bytes.length
    const length = this.varint()
    this.until = this.at + length
    if (length < 1 || this.until > this.bytes.length) throw new Error(`a record ends at byte ${this.until} of ${this.bytes.length}`)
    // Its attributes, of which none are in use.
    this.at++
  }

  end(): void {
    this.at = this.until
  }

  /** Whole numbers up to 2^53, in zigzag. */
  varint(): number {
    const { bytes } = this
    let byte = bytes[this.at++]!
    if (byte < 0x80) return (byte >>> 1) ^ -(byte & 1)
    let value = byte & 0x7f
    for (let factor = 0x80; ; factor *= 0x80) {
      if (this.at >= this.until) throw new Error(`a number goes beyond byte ${this.until}`)
      byte = bytes[this.at++]!
      value += (byte & 0x7f) * factor
      if (byte < 0x80) break
    }
    return value % 2 === 0 ? value / 2 : -(value + 1) / 2
  }

  bytesOrNull(): Buffer | null {
    const length = this.varint()
    if (length < 0) return null
    return length === 0 ? noBytes : this.bytes.subarray(this.at, this.forward(length))
  }

  headers(): FetchedMessage['headers'] {
    const count = this.varint()
    if (count <= 0) return noHeaders
    const pairs: (readonly [string, Uint8Array])[] = []
    for (let i = 0; i < count; i++) {
      const length = this.varint()
      const name = this.bytes.toString('utf8', this.at, this.forward(length))
      pairs.push([name, this.bytesOrNull() ?? noBytes])
    }
    return pairs
  }

  private forward(length: number): number {
    this.at += length
    if (length < 0 || this.at > this.until) throw new Error(`a field ends at byte ${this.at}, its record at ${this.until}`)
    return this.at
  }
}

const gzip: Pick<BatchCodec, 'decompress'> = { decompress: promisify<Buffer, Buffer>(gunzip) }
/** By their numbers in the format; null: not packed. */
const codecs: readonly (Pick<BatchCodec, 'decompress'> | null)[] = [null, gzip, batchCodec('snappy'), batchCodec('lz4'), batchCodec('zstd')]
