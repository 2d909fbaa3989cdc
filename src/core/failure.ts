import { createHash } from 'node:crypto'
import { attemptsOf } from './attempts.js'
import { RecordHeaders } from './headers.js'
import { shown } from './options.js'
import type { Failure } from './quarantine.js'
import type { Part } from './receipt.js'
import type { Codec } from './source.js'

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
  const whole = rawBytes(incoming.value, codecOf(root.source))
  const isClipped = whole.byteLength > MAX_RAW_BYTES
  const wasClipped = incoming.fault !== undefined && root.bytes > whole.byteLength
  const { key } = incoming
  return [
    {
      origin: part.origin,
      stage,
      error,
      attempts: attemptsOf(error, now),
      raw: kept(whole),
      rawBytes: wasClipped ? root.bytes : whole.byteLength,
      ...(isClipped && !wasClipped && { rawSha256: createHash('sha256').update(whole).digest('hex') }),
      key: key === undefined || key === null ? null : typeof key === 'string' ? encoder.encode(key) : key,
      headers: [...RecordHeaders.from(incoming.headers)],
      timestamp: root.timestamp,
    },
  ]
}

/** At most 1 MiB. A copy where the bytes are a small view of a larger chunk: a quarantine in memory would keep the whole chunk alive. */
function kept(whole: Uint8Array): Uint8Array {
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
