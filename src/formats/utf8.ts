import { isUtf8 } from 'node:buffer'

const REPLACEMENT = '\ufffd'
const BOM = 0xfeff

/**
 * The text of UTF-8 bytes, without a byte order mark; or the offset of the first byte that is not UTF-8.
 *
 * Node puts U+FFFD where bytes are wrong, so only a text that holds one needs a second look: valid input costs no check
 * (half the time of a fatal TextDecoder on records of 300 bytes).
 */
export function utf8Text(bytes: Uint8Array): string | number {
  const buffer = bytes instanceof Buffer ? bytes : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  const text = buffer.toString()
  if (text.includes(REPLACEMENT) && !isUtf8(buffer)) return firstWrongByte(buffer, text)
  return text.charCodeAt(0) === BOM ? text.slice(1) : text
}

function firstWrongByte(buffer: Buffer, text: string): number {
  let offset = 0
  for (let from = 0, at = text.indexOf(REPLACEMENT); ; from = at, at = text.indexOf(REPLACEMENT, at + 1)) {
    offset += Buffer.byteLength(text.slice(from, at))
    const isGenuine = buffer[offset] === 0xef && buffer[offset + 1] === 0xbf && buffer[offset + 2] === 0xbd
    if (!isGenuine) return offset
  }
}
