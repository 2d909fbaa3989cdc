import { type ErrorCode, isMillraceError, MillraceError } from '../core/errors.js'
import { shown } from '../core/options.js'
import type { PositionEntry, Positions, PositionsSession } from '../core/positions.js'
import type { Incoming, Prefix, SourceContext, SourceSession } from '../core/source.js'
import { contentIdentity } from './content-identity.js'
import { FileContent } from './file-content.js'
import { type FileFormat, FileRecords } from './file-records.js'
import { type FoundFile, findFiles } from './found-files.js'

/** What is wrong with one file, and no reason to leave the others unread. */
const ofFiles: ReadonlySet<ErrorCode> = new Set<ErrorCode>([
  'MILL_FILE_UNREADABLE',
  'MILL_FILE_CHANGED',
  'MILL_FILE_CORRUPT',
  'MILL_FILE_REPLACED',
  'MILL_JSON_ARRAY_INVALID',
])

/** Which files are read, and how. */
export interface FilesSessionOptions {
  readonly patterns: readonly string[]
  /** Absolute. */
  readonly root: string
  readonly followLinks: boolean
  readonly format: FileFormat
  readonly positions: Positions | undefined
}

/** How much one read may give. */
type Limit = { readonly records: number; readonly bytes: number }

/** The file that is being read. */
interface CurrentFile {
  readonly file: FoundFile
  readonly content: FileContent
  readonly records: FileRecords
  /** Up to here the run knows already that nothing more is to come. */
  told: number
}

/** One run over the files, one after another; see `filesSource`. */
export class FilesSession implements SourceSession<Uint8Array, Prefix> {
  private index = 0
  private current: CurrentFile | null = null
  private reading: Promise<unknown> = Promise.resolve()
  /** What content each partition has that was begun; kept with its position. */
  private readonly marks = new Map<string, string>()

  readonly commit?: (done: readonly Prefix[]) => Promise<void>

  private constructor(
    private readonly options: FilesSessionOptions,
    private readonly context: SourceContext,
    private readonly files: readonly FoundFile[],
    private readonly problems: unknown[],
    private readonly positions: PositionsSession | null,
  ) {
    if (positions !== null) this.commit = done => positions.write(done.map(prefix => this.entry(prefix)))
  }

  static async open(options: FilesSessionOptions, context: SourceContext): Promise<FilesSession> {
    const { files, unreadable } = await findFiles(options)
    const passing = unreadable.find(({ retryable }) => retryable)
    if (passing !== undefined) throw passing
    if (files.length === 0) {
      throw unreadable[0] ?? new MillraceError('MILL_FILE_NOT_FOUND', { paths: options.patterns.map(shown).join(', '), root: options.root })
    }
    for (const error of unreadable) context.log.error('a file cannot be read', { error })
    const positions = context.ledger ? null : ((await options.positions?.open({ pipeline: context.pipeline })) ?? null)
    return new FilesSession(options, context, files, [...unreadable], positions)
  }

  read(limit: Limit, signal: AbortSignal): Promise<readonly Incoming<Uint8Array>[] | null> {
    const batch = this.next(limit, signal)
    // `close` waits for it: the run does not wait for a read that it has given up.
    this.reading = batch.catch(() => {})
    return batch
  }

  lag(): ReadonlyMap<string, number> {
    const lag = new Map<string, number>()
    for (let i = 0; i < this.files.length; i++) {
      const { partition, size } = this.files[i]!
      if (i < this.index) lag.set(partition, 0)
      else if (this.current === null || i > this.index) {
        if (!partition.endsWith('.gz')) lag.set(partition, size)
      } else if (this.current.content.size !== undefined) {
        lag.set(partition, this.current.content.size - this.current.records.position)
      }
    }
    return lag
  }

  async close(): Promise<void> {
    await this.reading
    await this.leave()
    await this.positions?.close?.()
  }

  private async next(limit: Limit, signal: AbortSignal) {
    while (this.index < this.files.length) {
      signal.throwIfAborted()
      try {
        this.current ??= await this.begin(this.files[this.index]!)
        const { records } = this.current
        const batch = await records.read(limit, signal)
        this.tell(this.current, (batch?.[0]?.position as number | undefined) ?? records.position)
        if (batch !== null) {
          this.current.told = batch.at(-1)!.next!
          return batch
        }
      } catch (error) {
        this.note(error)
      }
      await this.leave()
      this.index++
    }
    if (this.problems.length === 0) return null
    await this.context.draining([...this.marks.keys()], signal)
    throw this.problems[0]
  }

  private async begin(file: FoundFile): Promise<CurrentFile> {
    const { context, options } = this
    const { partition, path } = file
    const content = await FileContent.open({ path, name: partition, followLinks: options.followLinks })
    try {
      const { from, told } = await this.from(partition, content)
      const { maxRecordBytes } = context
      const records = await FileRecords.open({ content, partition, format: options.format, from, maxRecordBytes })
      if (records === false) throw this.shorter(partition, from, content)
      return { file, content, records, told }
    } catch (error) {
      await content.close()
      throw error
    }
  }

  /** Where reading goes on, and up to where the run knows it. */
  private async from(partition: string, content: FileContent): Promise<{ readonly from: number; readonly told: number }> {
    const { context } = this
    const identity = contentIdentity(content.head)
    const { from = 0 } = await context.assigned(partition, identity)
    this.marks.set(partition, identity.mark)
    if (this.positions === null) return { from, told: from }
    const stored = await this.positions.read(context.source, partition)
    if (stored === undefined) return { from: 0, told: 0 }
    if (stored.mark !== null && !identity.matches(stored.mark)) {
      throw new MillraceError('MILL_FILE_REPLACED', { path: partition, next: stored.next, reason: 'its content begins differently now' })
    }
    return { from: stored.next, told: 0 }
  }

  private shorter(partition: string, from: number, content: FileContent): MillraceError {
    const found = `its content has only ${content.size ?? content.offset} bytes now`
    if (this.positions !== null) return new MillraceError('MILL_FILE_REPLACED', { path: partition, next: from, reason: found })
    return new MillraceError('MILL_LEDGER_AHEAD', { source: this.context.source, partition, covered: `positions up to ${from}`, found })
  }

  /** There is nothing to read before `next` but what was given. */
  private tell(current: CurrentFile, next: number): void {
    if (next <= current.told) return
    current.told = next
    this.context.advanced(current.file.partition, next)
  }

  /** Keeps what is wrong with a whole file for the end; anything else goes up at once. */
  private note(error: unknown): void {
    const isOfFile = isMillraceError(error) && !error.retryable && ofFiles.has(error.code)
    if (!isOfFile) throw error
    this.problems.push(error)
    this.context.log.error('a file cannot be read on; the others are', { error })
  }

  private async leave(): Promise<void> {
    const { current } = this
    this.current = null
    await current?.content.close()
  }

  private entry({ partition, next }: Prefix): PositionEntry {
    return { source: this.context.source, partition, next, mark: this.marks.get(partition) ?? null }
  }
}
