import { MillraceError } from '../core/errors.js'
import { shown } from '../core/options.js'
import { isRetryable } from '../core/retryable.js'
import type { Incoming } from '../core/source.js'
import { ContentError } from '../formats/content-error.js'
import { CsvCutter } from '../formats/csv-rows.js'
import type { CutFault, Cutter, CutterOptions, OnCut } from '../formats/cutter.js'
import { JsonArrayCutter } from '../formats/json-array.js'
import { NdjsonCutter } from '../formats/ndjson.js'
import type { FileContent } from './file-content.js'
import { fileError } from './file-error.js'

/** How a file is cut into records. */
export type FileFormat = 'ndjson' | 'json' | 'csv'

/** What of which file is read. */
export interface FileRecordsOptions {
  readonly content: FileContent
  readonly partition: string
  readonly format: FileFormat
  /** Where reading goes on: 0, or what a record's `next` said. */
  readonly from: number
  readonly maxRecordBytes: number
}

type Mutable<T> = { -readonly [K in keyof T]: T[K] }
type Limit = { readonly records: number; readonly bytes: number }

const BOM = Buffer.from([0xef, 0xbb, 0xbf])
const SHOWN_BYTES = 80

/**
 * The records of one file, from a position on.
 *
 * A record's `next` is where the following record starts, and of the last one the end of the content: so positions have no gaps, and are the same
 * however the chunks fall. Therefore the latest record is held back until the one after it is known.
 */
export class FileRecords {
  private readonly cutter: Cutter
  private readonly ready: Mutable<Incoming<Uint8Array>>[] = []
  private readyBytes = 0
  private limit: Limit = { records: 1, bytes: 1 }
  /** The content is at its end, and the cutter knows. */
  private isOver = false
  /** Nothing more is cut: all was, or it failed. */
  private isDone = false
  private failure: unknown

  private constructor(
    private readonly options: FileRecordsOptions,
    newCutter: (options: CutterOptions) => Cutter,
    offset: number,
  ) {
    this.cutter = newCutter({ offset, maxRecordBytes: options.maxRecordBytes, onCut: this.onCut })
  }

  /**
   * Makes ready to read. False instead of a reader where the content ends before `from`.
   *
   * @throws {MillraceError} `MILL_FILE_*`; `MILL_FILE_CORRUPT` also where the header row of a CSV file cannot be told.
   */
  static async open(options: FileRecordsOptions): Promise<FileRecords | false> {
    const { content, from, format } = options
    const bom = content.head.subarray(0, BOM.length).equals(BOM) ? BOM.length : 0
    const header = format === 'csv' && from > bom ? await headerOf(options, bom) : null
    const offset = Math.max(from, bom)
    if (!(await content.seek(offset))) return false
    return new FileRecords(
      options,
      cutter => {
        if (format === 'ndjson') return new NdjsonCutter(cutter)
        if (format === 'json') return new JsonArrayCutter({ ...cutter, resumed: from > bom })
        return new CsvCutter(header === null ? cutter : { ...cutter, header })
      },
      offset,
    )
  }

  /** Where the first record starts that was not given yet. */
  get position(): number {
    return (this.ready[0]?.position as number | undefined) ?? this.cutter.position
  }

  /**
   * The next records, at least one and at most about the limit; null at the end.
   *
   * @throws {MillraceError} `MILL_FILE_*` or `MILL_JSON_ARRAY_INVALID`, after all records before the damage were given.
   */
  async read(limit: Limit, signal: AbortSignal): Promise<Incoming<Uint8Array>[] | null> {
    this.limit = limit
    while (!this.isDone && !this.isEnough()) {
      signal.throwIfAborted()
      try {
        if (this.cutter.cut()) await this.more()
      } catch (error) {
        if (isRetryable(error)) throw error
        this.failure = this.named(error)
        this.isDone = true
      }
    }
    const batch = this.take()
    if (batch.length > 0) return batch
    if (this.failure !== undefined) throw this.failure
    return null
  }

  /** One more than is given: the last waits for its `next`. */
  private isEnough(): boolean {
    return this.ready.length > 1 && (this.ready.length > this.limit.records || this.readyBytes > this.limit.bytes)
  }

  private async more(): Promise<void> {
    if (!this.isOver) {
      const { content, format } = this.options
      const chunk = await content.read()
      if (chunk !== null) return this.cutter.feed(chunk)
      // What a writer is still appending may end within a record: that one is left for a later run.
      const isLeft = (await content.hasGrown()) && format !== 'json'
      if (!isLeft) {
        this.cutter.end()
        this.isOver = true
        return
      }
    }
    const last = this.ready.at(-1)
    if (last !== undefined) last.next = this.cutter.position
    this.isDone = true
  }

  private take(): Incoming<Uint8Array>[] {
    const { ready, limit } = this
    const available = this.isDone ? ready.length : ready.length - 1
    let count = 0
    let bytes = 0
    while (count < available && count < limit.records) {
      const size = sizeOf(ready[count]!)
      if (count > 0 && bytes + size > limit.bytes) break
      bytes += size
      count++
    }
    this.readyBytes -= bytes
    return ready.splice(0, count)
  }

  private readonly onCut: OnCut = (bytes, start, end, fault, whole) => {
    const { ready } = this
    if (ready.length > 0) ready[ready.length - 1]!.next = start
    const { partition } = this.options
    if (fault === null) {
      ready.push({ value: bytes, position: start, partition, next: end })
      this.readyBytes += bytes.length
    } else {
      const { bytes: size, ...hash } = whole ?? { bytes: bytes.length }
      const error = this.faultOf(fault, bytes, start, end, size)
      ready.push({ value: bytes, position: start, partition, next: end, bytes: size, fault: error, ...hash })
      this.readyBytes += size
    }
    return this.isEnough()
  }

  private faultOf(fault: CutFault, bytes: Uint8Array, start: number, end: number, size: number): MillraceError {
    const { partition, maxRecordBytes } = this.options
    if (fault === 'too large') return new MillraceError('MILL_RECORD_TOO_LARGE', { bytes: `${size}`, maxRecordBytes })
    if (fault === 'element missing') {
      return new MillraceError('MILL_JSON_ARRAY_INVALID', { path: partition, reason: 'an element is missing', offset: start })
    }
    const row = bytes.subarray(bytes.length - (end - start))
    const value = shown(Buffer.from(row.subarray(0, SHOWN_BYTES)).toString())
    return new MillraceError('MILL_CSV_INVALID', { reason: 'a quote is not closed', value })
  }

  private named(error: unknown): unknown {
    const { partition: path, format } = this.options
    if (error instanceof ContentError && format === 'json') {
      return new MillraceError('MILL_JSON_ARRAY_INVALID', { path, reason: error.reason, offset: error.offset }, { cause: error })
    }
    return fileError(path, error)
  }
}

function sizeOf({ bytes, value }: Incoming<Uint8Array>): number {
  return bytes ?? value.length
}

/** The header row of a CSV file; null where it has none. */
async function headerOf({ content, partition, maxRecordBytes }: FileRecordsOptions, offset: number): Promise<Uint8Array | null> {
  const cutter = new CsvCutter({ offset, maxRecordBytes, onCut: () => true })
  await content.seek(offset)
  try {
    while (cutter.header === null) {
      if (!cutter.cut()) break
      const chunk = await content.read()
      if (chunk === null) break
      cutter.feed(chunk)
    }
  } catch (error) {
    throw fileError(partition, error)
  }
  return cutter.header
}
