import { mkdir, open } from 'node:fs/promises'
import { join } from 'node:path'
import { type Batch, type Envelope, MillraceError, option, resolveOptions, type Sink, type SinkSession } from 'millrace'

/** Options of {@link journalSink}. Every option has a sentence, its unit and its default. */
export interface JournalSinkOptions {
  /** Where `journal.ndjson` is kept. Made when the sink is opened. */
  readonly directory: string
  /** Rows of one write at most. Default 1,000. */
  readonly maxRecords?: number
}

/** Errors of the file system for which waiting may help: a disk that is full or not mounted now. All others end the run. */
const away = new Set(['ENOENT', 'ENOSPC', 'EDQUOT', 'EIO', 'EBUSY', 'EMFILE', 'ENFILE', 'EROFS', 'ESTALE'])

/**
 * Appends each row to a file as one line of JSON, and has it on the disk before the record is settled.
 *
 * This is the sink to copy: the numbers below are those of docs/components.md. It delivers at least once; a row may be there twice when the process
 * was killed between its write and the commit.
 *
 * @throws {MillraceError} `MILL_OPTION_INVALID` or `MILL_OPTION_UNKNOWN` at definition.
 */
export function journalSink<Row extends object>(options: JournalSinkOptions): Sink<Row> {
  // Options are checked here, at definition; nothing is opened before `open`.
  const { directory, maxRecords } = resolveOptions<Required<JournalSinkOptions>>('journalSink', options, {
    directory: option.text(),
    maxRecords: option.wholeNumber(1, { default: 1_000 }),
  })
  return {
    // A noun: what it writes to.
    name: 'journal',
    batch: { maxRecords },
    // One file, one end: two writes at once would only wait for each other.
    maxConcurrentWrites: 1,
    // The same record again makes a second line, and there is no ledger: so neither `overwrites` nor `ledger` is said.
    async open() {
      await inPlace('open', () => mkdir(directory, { recursive: true }))
      return new JournalSession<Row>(join(directory, 'journal.ndjson'))
    },
  }
}

class JournalSession<Row extends object> implements SinkSession<Row> {
  constructor(private readonly path: string) {}

  /** A row that can never be written is found before it joins a batch, and costs its neighbours nothing. It returns the error and never throws. */
  check({ value }: Envelope<Row>): unknown {
    try {
      lineOf(value)
      return undefined
    } catch (error) {
      return error
    }
  }

  /** Resolves when the rows are durable: not when they are in a buffer, and not when the system has them in its own. */
  async write({ records }: Batch<Row>): Promise<void> {
    const lines = records.map(({ value }) => `${lineOf(value)}\n`).join('')
    await inPlace('write', async () => {
      const file = await open(this.path, 'a')
      try {
        const { size } = await file.stat()
        try {
          await file.write(lines)
          await file.datasync()
        } catch (error) {
          // All of a batch or nothing: half a line would spoil the next one.
          await file.truncate(size)
          throw error
        }
      } finally {
        await file.close()
      }
    })
  }
}

function lineOf(row: object): string {
  const line = JSON.stringify(row)
  if (line === undefined) throw new TypeError('the row has no JSON')
  return line
}

/** Classifies: what may pass says `retryable: true`, so that the run waits and goes on by itself; the rest ends it with a clear error. */
async function inPlace<T>(doing: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work()
  } catch (cause) {
    const { code = '', message = String(cause) } = cause as { code?: string; message?: string }
    throw new MillraceError('MILL_STORE_FAILED', { store: 'journal', doing, reason: message }, { cause, retryable: away.has(code) })
  }
}
