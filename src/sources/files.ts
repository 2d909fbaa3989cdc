import { resolve } from 'node:path'
import { type ErrorCode, isMillraceError, MillraceError } from '../core/errors.js'
import { option, resolveOptions, shown } from '../core/options.js'
import type { PositionEntry, Positions, PositionsSession } from '../core/positions.js'
import type { Incoming, Prefix, SourceContext, SourceOf, SourceSession } from '../core/source.js'
import { contentIdentity } from './content-identity.js'
import { FileContent } from './file-content.js'
import { type FileFormat, FileRecords } from './file-records.js'
import { type FoundFile, findFiles } from './found-files.js'

/** Options of {@link filesSource}. */
export interface FilesSourceOptions {
  /** Globs, relative to `root`: `'in/*.ndjson'`, `['a.csv.gz', 'archive/**']`. Files are read in the order of their names, each once. */
  readonly paths: string | readonly string[]
  /** How a file is cut into records: a line each, an element of one JSON array each, or a CSV row each. gzip is undone before, whatever the name. */
  readonly format: FileFormat
  /** Where `paths` begin, and what partitions are named relative to. Default: the working directory. */
  readonly root?: string
  /** The name in origins and ledger. Default `'files'`. */
  readonly name?: string
  /** Where positions are kept when the sink keeps no ledger. Default: nowhere, each run begins at the beginning. */
  readonly positions?: Positions
  /** Whether symbolic links are followed. Default false. */
  readonly followLinks?: boolean
}

const isPatterns = (value: unknown) => {
  const patterns = Array.isArray(value) ? value : [value]
  return patterns.length > 0 && patterns.every(pattern => typeof pattern === 'string' && pattern !== '')
}

/**
 * Reads files that are there when the run starts: ndjson, one JSON array, or CSV; each also as gzip. It does not wait for more.
 *
 * A record is the bytes of a line, of an element, or of header row, LF and row; nothing is parsed. Its partition is the file's path relative to
 * `root`, its position the byte at which it starts in the (decompressed) content; so a later run goes on where an earlier one stopped, by the
 * sink's ledger or else by `positions`. A file that was appended to is read on.
 *
 * A record larger than `maxRecordBytes` fails with `MILL_RECORD_TOO_LARGE`, a CSV row whose quote is not closed with `MILL_CSV_INVALID`; the ones
 * around it come. What is wrong with a whole file does not keep the other files from being read: then, when all is settled, the run fails with
 * the first such error (the others are logged): `MILL_FILE_UNREADABLE`, `MILL_FILE_CHANGED`, `MILL_FILE_CORRUPT`, `MILL_JSON_ARRAY_INVALID`.
 *
 * @throws {MillraceError} `MILL_OPTION_INVALID`, `MILL_OPTION_UNKNOWN` when called. At start `MILL_FILE_NOT_FOUND` where nothing matches. In the run
 * `MILL_LEDGER_AHEAD`, or without a ledger `MILL_FILE_REPLACED`, where a file is not the one that was read before.
 */
export function filesSource(options: FilesSourceOptions): SourceOf<Uint8Array, 'prefix', Prefix> {
  const resolved = resolveOptions<FilesSourceOptions>('filesSource', options, {
    paths: option.matching('a glob, or a list of them', isPatterns),
    format: option.oneOf(['ndjson', 'json', 'csv']),
    root: option.text({ default: '.' }),
    name: option.text({ default: 'files' }),
    positions: option.object('a store of positions, such as filePositions(directory)', { optional: true }),
    followLinks: option.boolean({ default: false }),
  })
  return { name: resolved.name!, commits: 'prefix', open: context => FilesSession.open(resolved, context) }
}

/** The file that is being read. */
interface CurrentFile {
  readonly file: FoundFile
  readonly content: FileContent
  readonly records: FileRecords
  /** Up to here the run knows already that nothing more is to come. */
  told: number
}

/** What is wrong with one file, and no reason to leave the others unread. */
const ofFiles: ReadonlySet<ErrorCode> = new Set<ErrorCode>([
  'MILL_FILE_UNREADABLE',
  'MILL_FILE_CHANGED',
  'MILL_FILE_CORRUPT',
  'MILL_FILE_REPLACED',
  'MILL_JSON_ARRAY_INVALID',
])

class FilesSession implements SourceSession<Uint8Array, Prefix> {
  private index = 0
  private current: CurrentFile | null = null
  private reading: Promise<unknown> = Promise.resolve()
  /** What content each partition has that was begun; kept with its position. */
  private readonly marks = new Map<string, string>()

  readonly commit?: (done: readonly Prefix[]) => Promise<void>

  private constructor(
    private readonly options: FilesSourceOptions,
    private readonly context: SourceContext,
    private readonly files: readonly FoundFile[],
    private readonly problems: unknown[],
    private readonly positions: PositionsSession | null,
  ) {
    if (positions !== null) this.commit = done => positions.write(done.map(prefix => this.entry(prefix)))
  }

  static async open(options: FilesSourceOptions, context: SourceContext): Promise<FilesSession> {
    const root = resolve(options.root!)
    const patterns = [options.paths].flat() as readonly string[]
    const { files, unreadable } = await findFiles({ patterns, root, followLinks: options.followLinks! })
    const passing = unreadable.find(({ retryable }) => retryable)
    if (passing !== undefined) throw passing
    if (files.length === 0) {
      throw unreadable[0] ?? new MillraceError('MILL_FILE_NOT_FOUND', { paths: patterns.map(shown).join(', '), root })
    }
    for (const error of unreadable) context.log.error('a file cannot be read', { error })
    const positions = context.ledger ? null : ((await options.positions?.open({ pipeline: context.pipeline })) ?? null)
    return new FilesSession(options, context, files, [...unreadable], positions)
  }

  read(limit: { readonly records: number; readonly bytes: number }, signal: AbortSignal): Promise<readonly Incoming<Uint8Array>[] | null> {
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

  private async next(limit: { readonly records: number; readonly bytes: number }, signal: AbortSignal) {
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
    const content = await FileContent.open({ path, name: partition, followLinks: options.followLinks! })
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
