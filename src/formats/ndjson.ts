import { Carry } from './carry.js'
import { type Cutter, type CutterOptions, KEPT_OF_TOO_LARGE, type OnCut } from './cutter.js'
import { sha256Of } from './sha256.js'

const LF = 10
const CR = 13
const NONE = Buffer.alloc(0)

/**
 * Cuts content into lines, without looking into them. A line ends with LF or CRLF, the last one may lack it; lines of nothing but blanks are passed over.
 *
 * @see https://github.com/ndjson/ndjson-spec
 */
export class NdjsonCutter implements Cutter {
  private readonly onCut: OnCut
  private readonly maxRecordBytes: number
  private readonly carry: Carry
  private chunk: Buffer = NONE
  /** Where in the content the chunk begins. */
  private base: number
  private at = 0
  private isOver = false

  constructor(options: CutterOptions) {
    this.onCut = options.onCut
    this.maxRecordBytes = options.maxRecordBytes ?? Number.MAX_SAFE_INTEGER
    this.base = options.offset ?? 0
    this.carry = new Carry(this.maxRecordBytes)
  }

  get position(): number {
    return this.base + this.at - this.carry.length
  }

  feed(chunk: Uint8Array): void {
    this.base += this.chunk.length
    this.chunk = asBuffer(chunk)
    this.at = 0
  }

  end(): void {
    this.isOver = true
  }

  cut(): boolean {
    const { chunk } = this
    while (this.at < chunk.length) {
      const lineEnd = chunk.indexOf(LF, this.at)
      if (lineEnd === -1) {
        this.carry.add(chunk.subarray(this.at))
        this.at = chunk.length
        break
      }
      const from = this.at
      this.at = lineEnd + 1
      if (this.carry.length > 0 ? this.carried(from, lineEnd) : this.whole(from, lineEnd)) return false
    }
    return !this.isOver || this.carry.length === 0 || !this.carried(this.at, this.at)
  }

  /** A line that lies within the chunk. */
  private whole(from: number, lineEnd: number): boolean {
    const { chunk, base } = this
    const to = lineEnd > from && chunk[lineEnd - 1] === CR ? lineEnd - 1 : lineEnd
    if (to - from > this.maxRecordBytes) {
      const kept = Math.min(KEPT_OF_TOO_LARGE, this.maxRecordBytes)
      const whole = { bytes: to - from, sha256: sha256Of(chunk.subarray(from, to)) }
      return this.onCut(chunk.subarray(from, from + kept), base + from, base + to, 'too large', whole)
    }
    if (to === from || (chunk[from]! <= 32 && isBlank(chunk, from, to))) return false
    // A plain view: Buffer's own subarray costs three times as much.
    return this.onCut(new Uint8Array(chunk.buffer, chunk.byteOffset + from, to - from), base + from, base + to, null)
  }

  /** A line that began in an earlier chunk. */
  private carried(from: number, lineEnd: number): boolean {
    const { carry } = this
    carry.add(this.chunk.subarray(from, lineEnd))
    const end = this.base + lineEnd
    const start = end - carry.length
    const length = carry.lastByte === CR ? carry.length - 1 : carry.length
    const sha256 = carry.sha256(length)
    const line = carry.take(length)
    if (length > this.maxRecordBytes) {
      const kept = line.subarray(0, Math.min(KEPT_OF_TOO_LARGE, this.maxRecordBytes))
      return this.onCut(kept, start, start + length, 'too large', { bytes: length, sha256: sha256 ?? sha256Of(line) })
    }
    if (isBlank(line, 0, line.length)) return false
    return this.onCut(line, start, start + length, null)
  }
}

function isBlank(bytes: Uint8Array, from: number, to: number): boolean {
  for (let i = from; i < to; i++) {
    const byte = bytes[i]!
    if (byte !== 32 && byte !== 9 && byte !== CR) return false
  }
  return true
}

function asBuffer(bytes: Uint8Array): Buffer {
  return Buffer.isBuffer(bytes) ? bytes : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
}
