const POLYNOMIAL = 0x82f63b78
/** Eight bytes a step: a table for each of them. */
const SLICES = 8
const tables = Array.from({ length: SLICES }, () => new Int32Array(256))

for (let byte = 0; byte < 256; byte++) {
  let crc = byte
  for (let bit = 0; bit < 8; bit++) crc = crc & 1 ? (crc >>> 1) ^ POLYNOMIAL : crc >>> 1
  tables[0]![byte] = crc
}
for (let slice = 1; slice < SLICES; slice++) {
  const [before, table] = [tables[slice - 1]!, tables[slice]!]
  for (let byte = 0; byte < 256; byte++) table[byte] = (before[byte]! >>> 8) ^ tables[0]![before[byte]! & 0xff]!
}
const [t0, t1, t2, t3, t4, t5, t6, t7] = tables as [
  Int32Array, Int32Array, Int32Array, Int32Array, Int32Array, Int32Array, Int32Array, Int32Array,
] // biome-ignore format: eight of the same

/**
 * The checksum of Kafka's batches: CRC-32C (Castagnoli) of the bytes from `from` up to `to`.
 *
 * @see RFC 3720, appendix B.4, for the values that the tests take.
 */
export function crc32c(bytes: Uint8Array, from = 0, to = bytes.length): number {
  let crc = -1
  let at = from
  for (; at + SLICES <= to; at += SLICES) {
    crc ^= bytes[at]! | (bytes[at + 1]! << 8) | (bytes[at + 2]! << 16) | (bytes[at + 3]! << 24)
    crc =
      t7[crc & 0xff]! ^
      t6[(crc >>> 8) & 0xff]! ^
      t5[(crc >>> 16) & 0xff]! ^
      t4[crc >>> 24]! ^
      t3[bytes[at + 4]!]! ^
      t2[bytes[at + 5]!]! ^
      t1[bytes[at + 6]!]! ^
      t0[bytes[at + 7]!]!
  }
  for (; at < to; at++) crc = (crc >>> 8) ^ t0[(crc ^ bytes[at]!) & 0xff]!
  return (crc ^ -1) >>> 0
}
