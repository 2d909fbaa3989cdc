import type { QuarantineEntry } from '../core/quarantine.js'

/** Bytes in JSON: as text where they are UTF-8, so that people can read them, else as base64. */
export type BytesJson = { readonly text: string } | { readonly base64: string }

/** What stores keep apart: the id, the bytes, and what they may know better than the entry did when it was made. */
type KeptApart = 'id' | 'raw' | 'at' | 'rawSha256'

/** The rest of an entry as JSON. */
export interface EntryJson extends Omit<QuarantineEntry, KeptApart | 'key' | 'headers'> {
  readonly key: BytesJson | null
  readonly headers: readonly (readonly [name: string, value: BytesJson])[]
}

/** JSON.stringify escapes lone surrogates, so what it gives of this is UTF-8 whatever the entry holds. */
export function entryToJson(entry: Omit<QuarantineEntry, KeptApart>): EntryJson {
  const { origin, stage, error, attempts, rawBytes, isTombstone, key, headers, timestamp, pipeline, version } = entry
  return {
    pipeline,
    origin,
    stage,
    error,
    attempts,
    rawBytes,
    ...(isTombstone && { isTombstone }),
    key: key === null ? null : bytesToJson(key),
    headers: headers.map(([name, value]) => [name, bytesToJson(value)] as const),
    timestamp,
    version,
  }
}

/** The entry again. */
export function entryFromJson({ key, headers, ...rest }: EntryJson, kept: Pick<QuarantineEntry, KeptApart>): QuarantineEntry {
  return {
    ...rest,
    ...kept,
    key: key === null ? null : bytesFromJson(key),
    headers: headers.map(([name, value]) => [name, bytesFromJson(value)] as const),
  }
}

const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })

/** Text where the bytes are UTF-8, else base64: never another byte comes back. */
export function bytesToJson(bytes: Uint8Array): BytesJson {
  try {
    return { text: utf8.decode(bytes) }
  } catch {
    return { base64: Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('base64') }
  }
}

/** The bytes again. */
export function bytesFromJson(json: BytesJson): Uint8Array {
  return 'text' in json ? Buffer.from(json.text) : Buffer.from(json.base64, 'base64')
}
