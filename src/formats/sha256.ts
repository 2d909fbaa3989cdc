import { createHash } from 'node:crypto'

/** Of these bytes, one after the other: SHA-256, hexadecimal. */
export function sha256Of(...pieces: readonly Uint8Array[]): string {
  const hash = createHash('sha256')
  for (const piece of pieces) hash.update(piece)
  return hash.digest('hex')
}
