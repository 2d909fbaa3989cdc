import { createHash } from 'node:crypto'
import type { Identity } from '../core/source.js'

/**
 * Names a content by its beginning: `<n>:<SHA-256 of its first n bytes as hexadecimal>`, n at most 1024. A file that grew is still the same; one
 * that begins differently, or became shorter than n, is another.
 *
 * @param head - The first 1024 bytes, or all where there are fewer.
 */
export function contentIdentity(head: Uint8Array): Identity {
  const markOf = (length: number) => `${length}:${createHash('sha256').update(head.subarray(0, length)).digest('hex')}`
  return {
    mark: markOf(head.length),
    matches(earlier) {
      const length = Number.parseInt(earlier, 10)
      return length <= head.length && earlier === markOf(length)
    },
  }
}
