import { mkdir, open, readdir, readFile, rename, rm, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { type Clock, systemClock } from '../core/clock.js'
import { option, resolveOptions } from '../core/options.js'
import type { Failure, Quarantine, QuarantinedRecord, QuarantineEntry, QuarantineSession } from '../core/quarantine.js'
import { inspectDirectory } from '../drivers/file-system/inspect-directory.js'
import { lastOfEach, lastRecordOfEach } from './entry-identity.js'
import { type BytesJson, bytesFromJson, bytesToJson, type EntryJson, entryFromJson, entryToJson } from './entry-json.js'
import { identityOf, isEntryName, nextEntryName } from './entry-names.js'
import { fileStoreError } from './file-store-error.js'
import { isWanted, quarantineEntry } from './quarantine-entry.js'
import { syncDirectory } from './sync-directory.js'

/** Options of {@link fileQuarantine}. */
export interface FileQuarantineOptions {
  /** Says when an entry came. Default: the machine's clock. */
  readonly clock?: Clock
}

const ENDING = '.json'
const DRAFT_ENDING = '.draft'
/** A draft this old was left by a process that was killed. */
const STALE_DRAFT_MS = 3_600_000
/** Entries written at a time: Node has four threads for files. */
const PARALLEL = 8

/**
 * Keeps failed records in a directory, one JSON file each, to be looked at with any tool.
 *
 * Durable when `put` resolves: a file is written under a draft's name, synced, then renamed, so a kill at any moment leaves a whole entry or none.
 * A record that fails again (it came again before its commit, or was replayed) replaces its entry, under a new id. Each entry costs a sync of the
 * disk: made for the few that fail, not for a source of which everything does. Several processes may share the directory.
 *
 * @param directory - Is made where it does not exist.
 * @throws {MillraceError} `MILL_OPTION_INVALID` when called; `MILL_STORE_FAILED` in use: no rights, a full disk, a file that is no entry.
 */
export function fileQuarantine(directory: string, options: FileQuarantineOptions = {}): Quarantine {
  resolveOptions('fileQuarantine', { directory }, { directory: option.text() })
  const { clock } = resolveOptions<Required<FileQuarantineOptions>>('fileQuarantine', options, {
    clock: option.object('a Clock', { default: systemClock }),
  })
  const name = `quarantine in ${directory}`
  const guarded = <T>(doing: string, work: () => Promise<T>): Promise<T> =>
    work().catch(cause => Promise.reject(fileStoreError(name, doing, cause)))
  return {
    name,
    open: ({ pipeline }) => guarded('open', () => openSession(directory, pipeline, clock, guarded)),
    async *list(filter = {}) {
      for (const id of await guarded('list', () => currentIds(directory))) {
        const entry = await guarded('list', () => readEntry(directory, id))
        if (entry !== undefined && isWanted(entry, filter)) yield entry
      }
    },
    release: ids => guarded('release', () => release(directory, ids)),
    count: atMost => guarded('count', async () => Math.min((await currentIds(directory)).length, atMost)),
    describe: () => [`a file an entry in directory ${directory}`],
    async *inspect() {
      yield* await inspectDirectory(directory, 'the quarantine directory')
    },
    restore: entries => guarded('restore', () => restore(directory, entries, clock)),
  }
}

type Guarded = <T>(doing: string, work: () => Promise<T>) => Promise<T>

async function openSession(directory: string, pipeline: string, clock: Clock, guarded: Guarded): Promise<QuarantineSession> {
  await mkdir(directory, { recursive: true })
  await removeStaleDrafts(directory, clock)
  const current = await idsByIdentity(directory)
  return { put: failures => guarded('put', () => putAll(directory, pipeline, failures, clock, current)) }
}

async function idsByIdentity(directory: string): Promise<Map<string, string>> {
  return new Map((await currentIds(directory)).map(id => [identityOf(id), id]))
}

async function restore(directory: string, entries: readonly QuarantinedRecord[], clock: Clock): Promise<void> {
  if (entries.length === 0) return
  await mkdir(directory, { recursive: true })
  const waiting = [...lastRecordOfEach(entries)].map(([identity, record]) => {
    const id = nextEntryName(identity, clock.now())
    return { identity, id, entry: { ...record, id } }
  })
  await keepAll(directory, waiting, await idsByIdentity(directory))
}

/** @param current - By identity the id of its entry, as far as this process knows. */
async function putAll(
  directory: string,
  pipeline: string,
  failures: readonly Failure[],
  clock: Clock,
  current: Map<string, string>,
): Promise<void> {
  if (failures.length === 0) return
  const at = clock.now()
  // Ids in the order of the failures, whichever file is done first.
  const waiting = [...lastOfEach(pipeline, failures)].map(([identity, failure]) => {
    const id = nextEntryName(identity, at)
    return { identity, id, entry: quarantineEntry(failure, { id, pipeline, at }) }
  })
  await keepAll(directory, waiting, current)
}

interface Waiting {
  readonly identity: string
  readonly id: string
  readonly entry: QuarantineEntry
}

async function keepAll(directory: string, waiting: readonly Waiting[], current: Map<string, string>): Promise<void> {
  try {
    await inParallel(waiting, async ({ identity, id, entry }) => {
      const former = isHashMissing(entry) ? current.get(identity) : undefined
      const known = former === undefined ? undefined : await readEntry(directory, former)
      await writeDraft(directory, id, known?.rawSha256 === undefined ? entry : { ...entry, rawSha256: known.rawSha256 })
    })
  } catch (error) {
    // A disk that is full is tried again and again, each time under new names.
    for (const { id } of waiting) await rm(join(directory, id + DRAFT_ENDING), { force: true }).catch(() => {})
    throw error
  }
  const replaced: string[] = []
  for (const { identity, id } of waiting) {
    await rename(join(directory, id + DRAFT_ENDING), join(directory, id + ENDING))
    const former = current.get(identity)
    if (former !== undefined) replaced.push(former)
    current.set(identity, id)
  }
  await syncDirectory(directory)
  // Only now: until its successor is on the disk, the former one is the entry. A kill before this leaves both, and a listing shows the later.
  for (const id of replaced) await rm(join(directory, id + ENDING), { force: true })
}

/** A replay has only the beginning of a record that was too large to keep: what the first entry knew of the whole goes on. */
const isHashMissing = ({ raw, rawBytes, rawSha256 }: Failure): boolean => rawSha256 === undefined && rawBytes > raw.byteLength

async function writeDraft(directory: string, id: string, entry: QuarantineEntry): Promise<void> {
  const { at, raw, rawSha256 } = entry
  const stored: StoredEntry = { ...entryToJson(entry), at, ...(rawSha256 !== undefined && { rawSha256 }), raw: bytesToJson(raw) }
  const file = await open(join(directory, id + DRAFT_ENDING), 'wx')
  try {
    await file.writeFile(`${JSON.stringify(stored, null, 1)}\n`)
    await file.sync()
  } finally {
    await file.close()
  }
}

interface StoredEntry extends EntryJson {
  readonly at: number
  readonly rawSha256?: string
  readonly raw: BytesJson
}

/** Undefined where it was released since. */
async function readEntry(directory: string, id: string): Promise<QuarantineEntry | undefined> {
  const path = join(directory, id + ENDING)
  let text: string
  try {
    text = await readFile(path, 'utf8')
  } catch (error) {
    if (isMissing(error)) return undefined
    throw error
  }
  try {
    const { raw, at, rawSha256, ...stored } = JSON.parse(text) as StoredEntry
    return entryFromJson(stored, { id, raw: bytesFromJson(raw), at, ...(rawSha256 !== undefined && { rawSha256 }) })
  } catch (cause) {
    throw new Error(`${path} is not an entry`, { cause })
  }
}

/** The ids of all entries, oldest first; of one identity the last. */
async function currentIds(directory: string): Promise<string[]> {
  const current = new Map<string, string>()
  for (const id of await allIds(directory)) {
    const identity = identityOf(id)
    current.delete(identity)
    current.set(identity, id)
  }
  return [...current.values()]
}

async function allIds(directory: string): Promise<string[]> {
  const files = await readdir(directory).catch(error => {
    if (isMissing(error)) return []
    throw error
  })
  const ids = files.filter(file => file.endsWith(ENDING)).map(file => file.slice(0, -ENDING.length))
  return ids.filter(isEntryName).sort()
}

async function release(directory: string, ids: readonly string[]): Promise<void> {
  const released = new Map<string, string>()
  for (const id of ids) if (isEntryName(id)) released.set(identityOf(id), id)
  if (released.size === 0) return
  // What an id replaced goes with it, in case a kill left it; what replaced the id stays.
  const gone = (await allIds(directory)).filter(id => id <= (released.get(identityOf(id)) ?? ''))
  // Not synced: what a power cut brings back is replayed once more, as after a cut a moment before.
  for (const id of gone) await rm(join(directory, id + ENDING), { force: true })
}

async function removeStaleDrafts(directory: string, clock: Clock): Promise<void> {
  for (const file of await readdir(directory)) {
    if (!file.endsWith(DRAFT_ENDING)) continue
    const path = join(directory, file)
    const found = await stat(path).catch(() => undefined)
    if (found !== undefined && clock.now() - found.mtimeMs > STALE_DRAFT_MS) await rm(path, { force: true })
  }
}

/** Works on several at a time; when one fails, waits for those under way and throws the first error. */
async function inParallel<T>(items: readonly T[], work: (item: T) => Promise<void>): Promise<void> {
  const waiting = items.values()
  const worker = async () => {
    for (const item of waiting) await work(item)
  }
  const results = await Promise.allSettled(Array.from({ length: Math.min(PARALLEL, items.length) }, worker))
  const failure = results.find(result => result.status === 'rejected')
  if (failure !== undefined) throw failure.reason
}

const isMissing = (error: unknown): boolean => (error as NodeJS.ErrnoException).code === 'ENOENT'
