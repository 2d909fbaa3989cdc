import { KEPT_OF_TOO_LARGE } from './cutter.js'

const NONE = new Uint8Array(0)

/**
 * The part of a record that came with earlier chunks. It holds at most a little more than `maxRecordBytes`; of what grows beyond, only the
 * beginning, and the length is still counted.
 */
export class Carry {
  /** How many bytes were added, those that were not kept included. */
  length = 0
  /** -1 while empty. */
  lastByte = -1
  private pieces: Uint8Array[] = []
  private isClipped = false

  constructor(private readonly maxRecordBytes: number) {}

  add(piece: Uint8Array): void {
    if (piece.length === 0) return
    this.length += piece.length
    this.lastByte = piece[piece.length - 1]!
    if (this.isClipped) return
    this.pieces.push(piece)
    // One byte of grace: the carriage return of a line end may already be in it, and does not count.
    if (this.length > this.maxRecordBytes + 1) {
      this.pieces = [Buffer.concat(this.pieces, Math.min(KEPT_OF_TOO_LARGE, this.maxRecordBytes))]
      this.isClipped = true
    }
  }

  /** Gives the first `length` bytes, or fewer where not all were kept, and is empty again. */
  take(length = this.length): Uint8Array {
    const { pieces } = this
    const whole = pieces.length === 0 ? NONE : pieces.length === 1 ? pieces[0]! : Buffer.concat(pieces)
    this.pieces = []
    this.isClipped = false
    this.length = 0
    this.lastByte = -1
    return whole.length > length ? whole.subarray(0, length) : whole
  }
}
