import type { Codec } from '../core/source.js'

/** An empty value is not a tombstone, so a quarantined one needs bytes of its own; a zero byte begins no text and no JSON. */
const tombstone: Uint8Array = new TextEncoder().encode('\0millrace: a tombstone of Kafka\0')

/** How a value of a message is kept in quarantine: bytes as they are, and null so that it comes back as null. */
export const messageCodec: Codec<Uint8Array | null> = {
  encode: value => value ?? tombstone,
  decode: bytes => (bytes.byteLength === tombstone.byteLength && Buffer.compare(bytes, tombstone) === 0 ? null : bytes),
}
