import { Carry } from './carry.js'
import { ContentError } from './content-error.js'
import { type CutFault, type Cutter, type CutterOptions, KEPT_OF_TOO_LARGE, type OnCut } from './cutter.js'
import { sha256Of } from './sha256.js'

const NONE = Buffer.alloc(0)
const LF = 10
const CR = 13
const QUOTE = 34
const COMMA = 44
const SLAB_BYTES = 256 * 1024

// Where the cutter stands. Numbers, because they are compared once a byte.
const ROW = 0
const CELL = 1
const PLAIN = 2
const QUOTED = 3
/** After a quote within a quoted cell: it ends the cell, or is the first of two. */
const CLOSED = 4
const CLOSED_CR = 5

/**
 * Cuts CSV into rows. Each cut is the header row, LF and the row, without its line end, so that it can be read by itself; of these together are
 * also the length and the hash of a row that is too large.
 *
 * Rows end with LF or CRLF outside of quotes; empty rows are passed over. A quote opens a quoted cell only at the cell's beginning. Where a quoted
 * cell runs over lines and is then not closed properly (its quote is followed by neither comma nor line end, the content ends, or the row grows
 * beyond `maxRecordBytes`), its first line alone is cut with the fault 'quote not closed', and cutting goes on with the next line: the rows that it
 * had swallowed come out. Whether a row has as many cells as the header is not judged.
 *
 * @see RFC 4180 §2
 */
export class CsvCutter implements Cutter {
  private readonly onCut: OnCut
  private readonly maxRecordBytes: number
  private readonly carry: Carry
  /** Header and LF, as they stand before every row; null until the header was read. */
  private head: Uint8Array | null = null
  private slab: Buffer = NONE
  private slabAt = 0
  private chunk: Buffer = NONE
  private base: number
  private at = 0
  private isOver = false
  private state = ROW
  /** Where the row began, in the content. */
  private rowStart = 0
  /** The first LF within the quoted cell at hand, in the content; -1 while it has none. */
  private cellLineEnd = -1
  /** The next quote at or after `at` in the chunk; the chunk's length where there is none. */
  private nextQuote = -1

  /** @param options.header - The header row, where reading goes on within the rows: the first chunk then begins with a row. */
  constructor(options: CutterOptions & { readonly header?: Uint8Array }) {
    this.onCut = options.onCut
    this.maxRecordBytes = options.maxRecordBytes ?? Number.MAX_SAFE_INTEGER
    this.base = options.offset ?? 0
    this.carry = new Carry(this.maxRecordBytes)
    if (options.header) this.begin(options.header)
  }

  /** The header row without its line end; null until it was read. */
  get header(): Uint8Array | null {
    return this.head?.subarray(0, -1) ?? null
  }

  get position(): number {
    return this.state === ROW ? this.base + this.at : this.rowStart
  }

  feed(chunk: Uint8Array): void {
    this.base += this.chunk.length
    this.chunk = Buffer.isBuffer(chunk) ? chunk : Buffer.from(chunk.buffer, chunk.byteOffset, chunk.byteLength)
    this.at = 0
    this.nextQuote = -1
  }

  end(): void {
    this.isOver = true
  }

  cut(): boolean {
    for (;;) {
      while (this.at < this.chunk.length) {
        if (this.state === ROW ? this.plainRow() : this.scan(this.at)) return false
      }
      if (!this.isOver || this.state === ROW) return true
      if (this.lastRow()) return false
    }
  }

  /** A row without a quote that lies within the chunk; any other is scanned. True when a pause is asked for. */
  private plainRow(): boolean {
    const { chunk, at } = this
    this.rowStart = this.base + at
    if (this.nextQuote < at) {
      const found = chunk.indexOf(QUOTE, at)
      this.nextQuote = found === -1 ? chunk.length : found
    }
    const lineEnd = chunk.indexOf(LF, at)
    if (lineEnd === -1 || lineEnd > this.nextQuote) {
      // Up to the first quote, or the end of the chunk, there is nothing to look for.
      const first = this.nextQuote
      this.state = first === at || chunk[first - 1] === COMMA ? CELL : PLAIN
      this.cellLineEnd = -1
      return this.scan(first)
    }
    this.at = lineEnd + 1
    return this.whole(at, lineEnd, null)
  }

  /** Goes on within a row from `start`, up to its end or the chunk's. True when a pause is asked for. */
  private scan(start: number): boolean {
    const { chunk, at: from } = this
    const { length } = chunk
    const boundAt = this.rowStart + this.maxRecordBytes + 1 - this.base
    let { state } = this
    for (let i = start; i < length; i++) {
      let byte = chunk[i]!
      if (i === boundAt && state >= QUOTED && this.cellLineEnd !== -1) return this.recover()
      if (state === QUOTED) {
        const stop = i < boundAt && boundAt < length ? boundAt : length
        while (byte !== QUOTE && byte !== LF && ++i < stop) byte = chunk[i]!
        if (i === stop) i--
        else if (byte === QUOTE) state = CLOSED
        else if (this.cellLineEnd === -1) {
          // Already too large: nothing more of it would be kept, and the rows after it must not be swallowed.
          if (i >= boundAt) return this.endRow(from, i)
          this.cellLineEnd = this.base + i
        }
        continue
      }
      if (state === PLAIN) while (byte !== COMMA && byte !== LF && ++i < length) byte = chunk[i]!
      if (i === length) break
      if (byte === LF) return this.endRow(from, i)
      if (byte === COMMA && state !== CLOSED_CR) state = CELL
      else if (state === CELL) {
        state = byte === QUOTE ? QUOTED : PLAIN
        this.cellLineEnd = -1
      } else if (state === CLOSED && byte === QUOTE) state = QUOTED
      else if (state === CLOSED && byte === CR) state = CLOSED_CR
      else {
        if (this.cellLineEnd !== -1) return this.recover()
        // On one line nothing was swallowed: the row ends with its line, and whoever decodes it tells what is wrong.
        state = PLAIN
      }
    }
    this.state = state
    this.carry.add(chunk.subarray(from))
    this.at = length
    return false
  }

  private endRow(from: number, lineEnd: number): boolean {
    this.state = ROW
    this.at = lineEnd + 1
    if (this.carry.length === 0) return this.whole(from, lineEnd, null)
    this.carry.add(this.chunk.subarray(from, lineEnd))
    return this.carried(null)
  }

  /** The content is over within a row. */
  private lastRow(): boolean {
    const isOpen = this.state === QUOTED
    if (isOpen && this.cellLineEnd !== -1) return this.recover()
    this.state = ROW
    return this.carried(isOpen ? 'quote not closed' : null)
  }

  /** A quoted cell was not closed: its first line is cut, and what came after that is looked at again. */
  private recover(): boolean {
    if (this.carry.length > 0) {
      // The row began in an earlier chunk, so all of this one up to `at` is in the carry. It is whole: what is beyond the bound never gets here.
      this.chunk = Buffer.concat([this.carry.take(), this.chunk.subarray(this.at)])
      this.base = this.rowStart
      this.nextQuote = -1
    }
    const lineEnd = this.cellLineEnd - this.base
    this.state = ROW
    this.at = lineEnd + 1
    if (this.nextQuote < this.at) this.nextQuote = -1
    return this.whole(this.rowStart - this.base, lineEnd, 'quote not closed')
  }

  /** A row within the chunk. */
  private whole(from: number, lineEnd: number, fault: CutFault | null): boolean {
    const { chunk } = this
    const to = lineEnd > from && chunk[lineEnd - 1] === CR ? lineEnd - 1 : lineEnd
    return to > from && this.row(chunk, from, to, to - from, fault)
  }

  /** A row that began in an earlier chunk. */
  private carried(fault: CutFault | null): boolean {
    const { carry } = this
    const length = carry.lastByte === CR ? carry.length - 1 : carry.length
    const sha256 = carry.sha256(length)
    const bytes = carry.take(length)
    return length > 0 && this.row(bytes, 0, bytes.length, length, fault, sha256)
  }

  /** @param sha256 - Of head and row, where `source` has only the row's beginning. */
  private row(source: Uint8Array, from: number, to: number, length: number, fault: CutFault | null, sha256?: string): boolean {
    const { head, maxRecordBytes, rowStart } = this
    if (head === null) {
      if (fault !== null) throw new ContentError('a quote of the header row is not closed', rowStart)
      if (length > maxRecordBytes) throw new ContentError(`the header row is longer than ${maxRecordBytes} bytes`, rowStart)
      this.begin(source.subarray(from, to))
      return false
    }
    const bytes = head.length + length
    if (bytes <= maxRecordBytes) return this.onCut(this.withHead(head, source, from, to), rowStart, rowStart + length, fault)
    const whole = { bytes, sha256: sha256 ?? sha256Of(head, source.subarray(from, to)) }
    const kept = Math.min(to, from + Math.min(KEPT_OF_TOO_LARGE, maxRecordBytes))
    return this.onCut(this.withHead(head, source, from, kept), rowStart, rowStart + length, 'too large', whole)
  }

  private begin(header: Uint8Array): void {
    this.head = headOf(header)
    this.carry.head = this.head
  }

  /** Rows are copied into slabs: one allocation for many. */
  private withHead(head: Uint8Array, source: Uint8Array, from: number, to: number): Uint8Array {
    const size = head.length + to - from
    if (size > this.slab.length - this.slabAt) {
      this.slab = Buffer.allocUnsafeSlow(Math.max(SLAB_BYTES, size))
      this.slabAt = 0
    }
    const { slab, slabAt } = this
    slab.set(head, slabAt)
    slab.set(new Uint8Array(source.buffer, source.byteOffset + from, to - from), slabAt + head.length)
    this.slabAt = slabAt + size
    return new Uint8Array(slab.buffer, slabAt, size)
  }
}

function headOf(header: Uint8Array): Uint8Array {
  const head = new Uint8Array(header.length + 1)
  head.set(header)
  head[header.length] = LF
  return head
}
