import { Carry } from './carry.js'
import { ContentError } from './content-error.js'
import { type Cutter, type CutterOptions, KEPT_OF_TOO_LARGE, type OnCut } from './cutter.js'
import { sha256Of } from './sha256.js'

const NONE = new Uint8Array(0)
const QUOTE = 34
const COMMA = 44
const OPEN = 91
const BACKSLASH = 92
const CLOSE = 93

/** What a byte outside of strings does: 1 opens, 2 closes, 3 begins a string. */
const structure = table({ '{': 1, '[': 1, '}': 2, ']': 2, '"': 3 })
/** The bytes that end a number, `true`, `false` or `null`. */
const endsScalar = table({ ',': 1, ']': 1, ' ': 1, '\t': 1, '\n': 1, '\r': 1 })

/**
 * Where the cutter stands. Between elements: `start` before the array, `first` after its bracket, `element` after a comma, `resumed` somewhere
 * between two elements, `after` an element, `done` behind the array. Within one: `nested` in an object or array, `text`, `scalar`.
 */
type State = 'start' | 'first' | 'element' | 'resumed' | 'after' | 'done' | 'nested' | 'text' | 'scalar'

/**
 * Cuts one top-level JSON array into the bytes of its elements, looking only for brackets and strings; what an element holds is not judged.
 *
 * @see RFC 8259 §5
 */
export class JsonArrayCutter implements Cutter {
  private readonly onCut: OnCut
  private readonly maxRecordBytes: number
  private readonly carry: Carry
  private chunk: Uint8Array = NONE
  private base: number
  private at = 0
  private isOver = false
  private hasBegun = false
  private state: State
  /** Of `nested`: how many brackets are open. */
  private depth = 0
  private inText = false
  private isEscaped = false

  /** @param options.resumed - The first chunk begins within the array, after an element; as it is when reading goes on at a known position. */
  constructor(options: CutterOptions & { readonly resumed?: boolean }) {
    this.onCut = options.onCut
    this.maxRecordBytes = options.maxRecordBytes ?? Number.MAX_SAFE_INTEGER
    this.base = options.offset ?? 0
    this.carry = new Carry(this.maxRecordBytes)
    this.state = options.resumed ? 'resumed' : 'start'
  }

  get position(): number {
    return this.base + this.at - this.carry.length
  }

  feed(chunk: Uint8Array): void {
    this.base += this.chunk.length
    this.chunk = chunk
    this.at = 0
    this.hasBegun ||= chunk.length > 0
  }

  end(): void {
    this.isOver = true
  }

  cut(): boolean {
    const { chunk } = this
    while (this.at < chunk.length) {
      const { state } = this
      if (state === 'nested' || state === 'text' || state === 'scalar') {
        const from = this.at
        const isComplete = state === 'scalar' ? this.scanScalar() : this.scanNested()
        if (!isComplete) {
          this.carry.add(chunk.subarray(from, this.at))
          break
        }
        this.state = 'after'
        if (this.element(from, this.at)) return false
      } else if (this.between(chunk[this.at]!)) return false
    }
    if (this.isOver) this.finish()
    return true
  }

  /** One byte between elements. True when a pause is asked for. */
  private between(byte: number): boolean {
    if (byte === 32 || byte === 10 || byte === 13 || byte === 9) {
      this.at++
      return false
    }
    const { state } = this
    if (state === 'start') this.expect(byte === OPEN, 'first', 'the content is no array')
    else if (state === 'done') this.expect(false, 'done', 'there is more after the end of the array')
    else if (byte === COMMA) {
      const isMissing = state === 'first' || state === 'element'
      this.state = 'element'
      this.at++
      if (isMissing) return this.missing(this.at - 1)
    } else if (byte === CLOSE) {
      this.state = 'done'
      this.at++
      if (state === 'element') return this.missing(this.at - 1)
    } else if (state === 'after') this.expect(false, 'after', 'expected a comma or the end of the array')
    else this.begin(byte)
    return false
  }

  private expect(holds: boolean, next: State, otherwise: string): void {
    if (!holds) throw new ContentError(otherwise, this.base + this.at)
    this.state = next
    this.at++
  }

  private missing(at: number): boolean {
    return this.onCut(NONE, this.base + at, this.base + at + 1, 'element missing')
  }

  /** The scan begins at the element's own first byte, so that `at` still says where it starts. */
  private begin(byte: number): void {
    this.depth = 0
    this.inText = false
    this.isEscaped = false
    this.state = byte === QUOTE ? 'text' : structure[byte] === 1 ? 'nested' : 'scalar'
  }

  private scanScalar(): boolean {
    const { chunk } = this
    let i = this.at
    while (i < chunk.length && endsScalar[chunk[i]!] === 0) i++
    this.at = i
    return i < chunk.length
  }

  private scanNested(): boolean {
    const { chunk } = this
    const { length } = chunk
    let { at: i, depth, inText } = this
    if (this.isEscaped && i < length) {
      i++
      this.isEscaped = false
    }
    let isComplete = false
    while (i < length) {
      if (inText) {
        let byte = chunk[i]!
        while (byte !== QUOTE && byte !== BACKSLASH && ++i < length) byte = chunk[i]!
        if (i === length) break
        i++
        if (byte === BACKSLASH) {
          if (i === length) this.isEscaped = true
          i++
          continue
        }
        inText = false
        isComplete = depth === 0
      } else {
        while (i < length && structure[chunk[i]!] === 0) i++
        if (i === length) break
        const what = structure[chunk[i++]!]!
        if (what === 3) inText = true
        else if (what === 1) depth++
        else isComplete = --depth === 0
      }
      if (isComplete) break
    }
    this.at = Math.min(i, length)
    this.depth = depth
    this.inText = inText
    return isComplete
  }

  private element(from: number, to: number): boolean {
    const { carry, maxRecordBytes } = this
    const end = this.base + to
    let bytes: Uint8Array
    let sha256: string | undefined
    let { length } = carry
    if (length === 0) {
      length = to - from
      bytes = new Uint8Array(this.chunk.buffer, this.chunk.byteOffset + from, length)
    } else {
      carry.add(this.chunk.subarray(from, to))
      length = carry.length
      sha256 = carry.sha256()
      bytes = carry.take()
    }
    if (length <= maxRecordBytes) return this.onCut(bytes, end - length, end, null)
    const kept = bytes.subarray(0, Math.min(KEPT_OF_TOO_LARGE, maxRecordBytes))
    return this.onCut(kept, end - length, end, 'too large', { bytes: length, sha256: sha256 ?? sha256Of(bytes) })
  }

  /** Without even a bracket it is an empty file: no records. Where reading goes on at the very end, the array was closed before. */
  private finish(): void {
    if (this.state === 'done' || this.state === 'start' || (this.state === 'resumed' && !this.hasBegun)) return
    throw new ContentError('the content ends before the array does', this.base + this.at)
  }
}

function table(values: Readonly<Record<string, number>>): Uint8Array {
  const bytes = new Uint8Array(256)
  for (const [character, value] of Object.entries(values)) bytes[character.charCodeAt(0)] = value
  return bytes
}
