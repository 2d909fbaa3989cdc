import type { ShapedRows } from '../../tables/table-codec.js'

const LINE_FEED = 10

/** Rows in COPY's text format, encoded once, of which any run can be sent again. */
export class EncodedRows {
  private ends: Uint32Array | undefined
  private readonly bytes: Buffer

  /** @param ordinals - Whether each line begins with the row's index. */
  constructor({ shape, rows }: ShapedRows, ordinals: boolean) {
    this.count = rows.length
    this.bytes = Buffer.concat([...shape.copyParts(rows, ordinals ? 0 : undefined)])
  }

  readonly count: number

  /** The lines `from` up to, not including, `to`. */
  slice(from = 0, to = this.count): Buffer {
    if (from === 0 && to === this.count) return this.bytes
    this.ends ??= lineEnds(this.bytes, this.count)
    return this.bytes.subarray(from === 0 ? 0 : this.ends[from - 1], to === 0 ? 0 : this.ends[to - 1])
  }
}

/** Where each line ends: a line feed within a value is escaped. */
function lineEnds(bytes: Buffer, count: number): Uint32Array {
  const ends = new Uint32Array(count)
  let at = 0
  for (let i = 0; i < count; i++) {
    at = bytes.indexOf(LINE_FEED, at) + 1
    ends[i] = at
  }
  return ends
}
