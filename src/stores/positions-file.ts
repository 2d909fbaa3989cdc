import { createHash } from 'node:crypto'
import { mkdir, open, readFile, rename, rm } from 'node:fs/promises'
import { join } from 'node:path'
import type { MillraceError } from '../core/errors.js'
import { option, resolveOptions } from '../core/options.js'
import type { PositionEntry, Positions, PositionsSession } from '../core/positions.js'
import { inspectDirectory } from '../drivers/file-system/inspect-directory.js'
import { fileStoreError } from './file-store-error.js'
import { syncDirectory } from './sync-directory.js'

/**
 * Keeps positions in a directory, one small JSON file a pipeline, so that a run goes on where the one before it stopped.
 *
 * A write replaces the whole file by a rename, after fsync: a kill at any moment leaves the old file or the new one. For one process at a time; it
 * costs as much as the file is large, so above some ten thousand partitions keep the ledger, or positions in Postgres.
 *
 * @param directory - Is made where it does not exist.
 * @throws {MillraceError} `MILL_OPTION_INVALID` when called. In a run `MILL_STORE_FAILED`: at start where the file cannot be read or is damaged; on a
 * full disk it can be retried, and the positions kept before stay.
 */
export function filePositions(directory: string): Positions {
  resolveOptions('filePositions', { directory }, { directory: option.text() })
  return {
    name: `positions in ${directory}`,
    open: ({ pipeline }) => FilePositions.open(directory, pipeline),
    describe: () => [`a file a pipeline in directory ${directory}`],
    async *inspect() {
      yield* await inspectDirectory(directory, 'the directory of positions')
    },
  }
}

class FilePositions implements PositionsSession {
  private constructor(
    private readonly directory: string,
    private readonly path: string,
    private readonly kept: Map<string, PositionEntry>,
  ) {}

  static async open(directory: string, pipeline: string): Promise<FilePositions> {
    const path = join(directory, fileName(pipeline))
    try {
      await mkdir(directory, { recursive: true })
      const text = await readFile(path, 'utf8').catch(error => {
        if (error.code === 'ENOENT') return null
        throw error
      })
      const kept = new Map<string, PositionEntry>()
      if (text !== null) for (const entry of parsed(text)) kept.set(keyOf(entry.source, entry.partition), entry)
      return new FilePositions(directory, path, kept)
    } catch (error) {
      throw failed(path, 'open', error)
    }
  }

  async read(source: string, partition: string) {
    return this.kept.get(keyOf(source, partition))
  }

  async write(entries: readonly PositionEntry[]): Promise<void> {
    if (entries.length === 0) return
    const next = new Map(this.kept)
    for (const { source, partition, next: at, mark } of entries) next.set(keyOf(source, partition), { source, partition, next: at, mark })
    try {
      await this.replace(`${JSON.stringify({ version: 1, positions: [...next.values()] }, null, 1)}\n`)
    } catch (error) {
      throw failed(this.path, 'write', error)
    }
    for (const entry of entries) this.kept.set(keyOf(entry.source, entry.partition), next.get(keyOf(entry.source, entry.partition))!)
  }

  /** The bytes are on the disk before the name leads to them, and the name is before this resolves. */
  private async replace(text: string): Promise<void> {
    const draft = `${this.path}.new`
    try {
      const file = await open(draft, 'w')
      try {
        await file.writeFile(text)
        await file.sync()
      } finally {
        await file.close()
      }
      await rename(draft, this.path)
    } catch (error) {
      await rm(draft, { force: true }).catch(() => {})
      throw error
    }
    await syncDirectory(this.directory)
  }
}

const keyOf = (source: string, partition: string): string => JSON.stringify([source, partition])

/** Readable, and by its hash different for any two pipelines, also where a file system takes `A` for `a`. */
function fileName(pipeline: string): string {
  const hash = createHash('sha256').update(pipeline).digest('hex').slice(0, 8)
  return `${pipeline.replace(/[^\w-]+/g, '_').slice(0, 80)}-${hash}.positions.json`
}

function parsed(text: string): PositionEntry[] {
  const { version, positions } = JSON.parse(text) ?? {}
  if (version !== 1 || !Array.isArray(positions) || !positions.every(isEntry)) throw new Error('it is not a file of positions, version 1')
  return positions
}

function isEntry(value: unknown): value is PositionEntry {
  const { source, partition, next, mark } = (value ?? {}) as Record<string, unknown>
  const isPlaced = typeof source === 'string' && typeof partition === 'string'
  return isPlaced && Number.isSafeInteger(next) && (mark === null || typeof mark === 'string')
}

function failed(path: string, doing: string, cause: unknown): MillraceError {
  return fileStoreError(`the file of positions ${path}`, doing, cause)
}
