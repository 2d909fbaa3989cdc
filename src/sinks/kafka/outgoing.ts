import type { Envelope } from '../../core/envelope.js'
import { MillraceError } from '../../core/errors.js'
import { shown } from '../../core/options.js'
import type { OutgoingMessage } from '../../drivers/kafka/driver.js'

/** How a record becomes a message. */
export interface MessageMapping<T> {
  readonly topic: string | ((value: T, record: Envelope<T>) => string)
  readonly key: 'keep' | ((value: T, record: Envelope<T>) => Uint8Array | string | null)
  readonly headers: 'keep' | ((value: T, record: Envelope<T>) => Iterable<readonly [name: string, value: Uint8Array | string]>)
  readonly value?: ((value: T, record: Envelope<T>) => Uint8Array | string | null) | undefined
  readonly partition: 'hash' | 'keep' | ((value: T, record: Envelope<T>) => number)
  readonly maxMessageBytes: number
}

const NO_HEADERS: OutgoingMessage['headers'] = []
/** Of a batch of one record, and of a record besides what is in it, at most. */
const OVERHEAD_BYTES = 61 + 24
const HEADER_OVERHEAD_BYTES = 10

/**
 * Makes the message of a record.
 *
 * @throws {MillraceError} `MILL_MESSAGE_INVALID` for what cannot be in a message, `MILL_MESSAGE_TOO_LARGE`; and whatever the functions of the mapping throw.
 */
export function outgoingOf<T>(record: Envelope<T>, mapping: MessageMapping<T>): OutgoingMessage {
  const { value } = record
  const topic = typeof mapping.topic === 'string' ? mapping.topic : topicOf(mapping.topic(value, record))
  const partition = partitionOf(record, mapping)
  const message = {
    topic,
    key: mapping.key === 'keep' ? record.keyBytes : bytesOrNull('key', mapping.key(value, record)),
    value: mapping.value === undefined ? encoded(value) : bytesOrNull('value', mapping.value(value, record)),
    headers: headersOf(record, mapping),
    ...(partition !== undefined && { partition }),
  }
  const bytes = sizeOf(message)
  if (bytes > mapping.maxMessageBytes) throw new MillraceError('MILL_MESSAGE_TOO_LARGE', { topic, bytes, index: 0 })
  return message
}

function topicOf(topic: unknown): string {
  if (typeof topic === 'string' && topic !== '') return topic
  throw invalid('topic', 'a name', topic)
}

function partitionOf<T>(record: Envelope<T>, { partition }: MessageMapping<T>): number | undefined {
  if (partition === 'hash') return undefined
  if (partition !== 'keep') {
    const given = partition(record.value, record)
    if (Number.isSafeInteger(given) && given >= 0) return given
    throw invalid('partition', 'a whole number from 0 up', given)
  }
  // `orders/3` of a topic, `3` of a source whose partitions are mere numbers.
  const digits = /(?:^|\/)(\d{1,9})$/.exec(record.origin.partition)
  if (digits === null) throw invalid('partition', "the number of the origin's partition", record.origin.partition)
  return Number(digits[1])
}

function headersOf<T>(record: Envelope<T>, { headers }: MessageMapping<T>): OutgoingMessage['headers'] {
  if (headers === 'keep') {
    const kept = [...record.headers]
    return kept.length === 0 ? NO_HEADERS : kept
  }
  return Array.from(headers(record.value, record), ([name, value]) => {
    if (typeof name !== 'string') throw invalid('headers', 'pairs of a name and a value', name)
    return [name, bytesOf('headers', value)] as const
  })
}

/** Bytes as they are, null as a tombstone, anything else as JSON. */
function encoded(value: unknown): Uint8Array | null {
  if (value === null || value instanceof Uint8Array) return value
  let text: string | undefined
  try {
    text = JSON.stringify(value)
  } catch (cause) {
    throw invalid('value', 'bytes, null, or what JSON can hold', value, cause)
  }
  if (text === undefined) throw invalid('value', 'bytes, null, or what JSON can hold', value)
  return Buffer.from(text)
}

const bytesOrNull = (what: string, given: unknown): Uint8Array | null => (given === null ? null : bytesOf(what, given))

function bytesOf(what: string, given: unknown): Uint8Array {
  if (given instanceof Uint8Array) return given
  if (typeof given === 'string') return Buffer.from(given)
  throw invalid(what, what === 'headers' ? 'bytes or text' : 'bytes, text or null', given)
}

function sizeOf({ key, value, headers }: Pick<OutgoingMessage, 'key' | 'value' | 'headers'>): number {
  let bytes = OVERHEAD_BYTES + (key?.byteLength ?? 0) + (value?.byteLength ?? 0)
  for (const [name, content] of headers) bytes += HEADER_OVERHEAD_BYTES + Buffer.byteLength(name) + content.byteLength
  return bytes
}

function invalid(member: string, expected: string, given: unknown, cause?: unknown): MillraceError {
  return new MillraceError('MILL_MESSAGE_INVALID', { member, expected, given: shown(given) }, { cause })
}
