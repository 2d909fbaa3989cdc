import { createHash, type Hash } from 'node:crypto'
import { KEPT_OF_TOO_LARGE } from './cutter.js'

const NONE = new Uint8Array(0)

/**
 * The part of a record that came with earlier chunks. It holds at most a little more than `maxRecordBytes`; of what grows beyond, only the
 * beginning, and the length is still counted, the hash still taken.
 */
export class Carry {
  /** How many bytes were added, those that were not kept included. */
  length = 0
  /** -1 while empty. */
  lastByte = -1
  /** What the hash begins with, before the record's own bytes. */
  head: Uint8Array = NONE
  private pieces: Uint8Array[] = []
  /** Of head and record but for the record's last byte, which may belong to the line end; null while all is kept. */
  private hash: Hash | null = null

  constructor(private readonly maxRecordBytes: number) {}

  add(piece: Uint8Array): void {
    if (piece.length === 0) return
    this.hash?.update(Uint8Array.of(this.lastByte)).update(piece.subarray(0, -1))
    this.length += piece.length
    this.lastByte = piece[piece.length - 1]!
    if (this.hash !== null) return
    this.pieces.push(piece)
    // One byte of grace: the carriage return of a line end may already be in it, and does not count.
    if (this.length > this.maxRecordBytes + 1) this.clip()
  }

  /**
   * Of the head and the first `length` bytes, all or all but one, as hexadecimal SHA-256; undefined where `take` gives them all.
   * To be asked before `take`, once.
   */
  sha256(length = this.length): string | undefined {
    if (this.hash !== null && length === this.length) this.hash.update(Uint8Array.of(this.lastByte))
    return this.hash?.digest('hex')
  }

  /** Gives the first `length` bytes, or fewer where not all were kept, and is empty again. */
  take(length = this.length): Uint8Array {
    const { pieces } = this
    const whole = pieces.length === 0 ? NONE : pieces.length === 1 ? pieces[0]! : Buffer.concat(pieces)
    this.pieces = []
    this.hash = null
    this.length = 0
    this.lastByte = -1
    return whole.length > length ? whole.subarray(0, length) : whole
  }

  private clip(): void {
    const { pieces } = this
    this.hash = createHash('sha256').update(this.head)
    const last = pieces.length - 1
    for (let i = 0; i < last; i++) this.hash.update(pieces[i]!)
    this.hash.update(pieces[last]!.subarray(0, -1))
    this.pieces = [Buffer.concat(pieces, Math.min(KEPT_OF_TOO_LARGE, this.maxRecordBytes))]
  }
}
