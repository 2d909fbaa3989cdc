import { createHash } from 'node:crypto'
import { attemptsOf } from './attempts.js'
import { RecordHeaders } from './headers.js'
import { shown } from './options.js'
import type { Failure } from './quarantine.js'
import type { Part } from './receipt.js'
import type { Codec, Incoming } from './source.js'

/** What quarantine keeps of a record's bytes. */
export const MAX_RAW_BYTES = 1024 * 1024

const encoder = new TextEncoder()

/** What goes to quarantine when a part fails: one failure, or of a join one for each member. */
export function failuresOf(
  part: Part,
  error: unknown,
  stage: string,
  now: number,
  codecOf: (source: string) => Codec<never> | undefined,
): Failure[] {
  if (part.members !== null) return part.members.flatMap(member => failuresOf(member, error, stage, now, codecOf))
  const { root } = part
  const { incoming } = root
  const codec = codecOf(root.source)
  // With a codec null is a value like any other, and comes back by it.
  const isTombstone = incoming.value === null && codec === undefined
  const { raw, bytes, sha256 } = isTombstone ? { raw: NOTHING, bytes: 0, sha256: undefined } : keptOf(incoming, codec)
  const wasClipped = incoming.fault !== undefined && root.bytes > bytes
  const rawSha256 = wasClipped ? incoming.sha256 : sha256
  const { key } = incoming
  return [
    {
      origin: part.origin,
      stage,
      error,
      attempts: attemptsOf(error, now),
      raw,
      rawBytes: wasClipped ? root.bytes : bytes,
      ...(rawSha256 !== undefined && { rawSha256 }),
      ...(isTombstone && { isTombstone }),
      key: key === undefined || key === null ? null : typeof key === 'string' ? encoder.encode(key) : key,
      headers: [...RecordHeaders.from(incoming.headers)],
      timestamp: root.timestamp,
    },
  ]
}

const NOTHING = new Uint8Array(0)

interface Kept {
  readonly raw: Uint8Array
  /** Of the whole. */
  readonly bytes: number
  /** Of the whole, where `raw` is only its beginning. */
  readonly sha256: string | undefined
}

/** Of records that were split: ten thousand children that fail share what is kept of their one record, as long as one of them needs it. */
const shared = new WeakMap<object, Kept>()

function keptOf(incoming: Incoming<unknown>, codec: Codec<never> | undefined): Kept {
  const known = shared.get(incoming)
  if (known !== undefined) return known
  const whole = rawBytes(incoming.value, codec)
  const isClipped = whole.byteLength > MAX_RAW_BYTES
  const sha256 = isClipped ? createHash('sha256').update(whole).digest('hex') : undefined
  const made: Kept = { raw: clipped(whole), bytes: whole.byteLength, sha256 }
  shared.set(incoming, made)
  return made
}

/** At most 1 MiB. A copy where the bytes are a small view of a larger chunk: a quarantine in memory would keep the whole chunk alive. */
function clipped(whole: Uint8Array): Uint8Array {
  if (whole.byteLength > MAX_RAW_BYTES) return whole.slice(0, MAX_RAW_BYTES)
  return whole.byteLength * 2 < whole.buffer.byteLength ? whole.slice() : whole
}

/** Bytes as they are; anything else by the source's codec, else as JSON. What cannot be encoded is kept as text: a failure is never lost for its form. */
function rawBytes(value: unknown, codec: Codec<never> | undefined): Uint8Array {
  if (value instanceof Uint8Array) return value
  try {
    if (codec !== undefined) return (codec as unknown as Codec<unknown>).encode(value)
    return encoder.encode(JSON.stringify(value, (_, inner) => (typeof inner === 'bigint' ? `${inner}` : inner)) ?? 'null')
  } catch {
    return encoder.encode(shown(value))
  }
}
