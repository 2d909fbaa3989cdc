import { isUtf8 } from 'node:buffer'

// Checks, decodes and drops a byte order mark in one native call: quicker than Buffer's toString, which also needs a look at what it replaced.
const decoder = new TextDecoder('utf-8', { fatal: true })

/** The text of UTF-8 bytes, without a byte order mark; or the offset of the first byte that is not UTF-8. */
export function utf8Text(bytes: Uint8Array): string | number {
  try {
    return decoder.decode(bytes)
  } catch (error) {
    if (isUtf8(bytes)) throw error
    return firstWrongByte(bytes)
  }
}

const REPLACEMENT = '\ufffd'

function firstWrongByte(bytes: Uint8Array): number {
  const text = new TextDecoder('utf-8', { ignoreBOM: true }).decode(bytes)
  let offset = 0
  for (let from = 0, at = text.indexOf(REPLACEMENT); ; from = at, at = text.indexOf(REPLACEMENT, at + 1)) {
    offset += Buffer.byteLength(text.slice(from, at))
    const isGenuine = bytes[offset] === 0xef && bytes[offset + 1] === 0xbf && bytes[offset + 2] === 0xbd
    if (!isGenuine) return offset
  }
}
