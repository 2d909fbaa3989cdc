import { open, stat } from 'node:fs/promises'
import type { Finding, InspectionContext } from '../core/inspection.js'
import { fileError } from './file-error.js'
import type { FileFormat } from './file-records.js'
import { type FindOptions, type FoundFile, findFiles } from './found-files.js'

/** Files that are opened to see whether they may be read; of more the first ones. */
const MAX_OPENED = 10_000
/** Files that are named one by one; of more their number is told. */
const MAX_NAMED = 20

/** For `millrace explain`. */
export function describeFiles(
  { patterns, root, followLinks }: FindOptions,
  format: FileFormat,
  positions: string | undefined,
): readonly string[] {
  return [
    `files: ${patterns.join(', ')} under ${root}${followLinks ? ', links followed' : ''}`,
    `format: ${format}, gzip undone; read in the order of their names, each once`,
    `positions: ${positions ?? 'nowhere of its own: the ledger says where to go on, without one each run begins at the beginning'}`,
  ]
}

/** For `millrace doctor`: what the paths match now, and what of it cannot be read. */
export async function* inspectFiles(options: FindOptions, { signal }: InspectionContext): AsyncGenerator<Finding> {
  const { patterns, root } = options
  const found = await stat(root).catch((error: NodeJS.ErrnoException) => error)
  if (found instanceof Error || !found.isDirectory()) {
    const cause = found instanceof Error ? found.message : 'something else has that name'
    yield { level: 'fault', what: `the directory ${root} cannot be read`, cause, fix: 'make it, or correct root', kind: 'config' }
    return
  }
  const { files, unreadable } = await findFiles(options)
  for (const error of unreadable.slice(0, MAX_NAMED)) yield cannotRead(error.message)
  if (unreadable.length > MAX_NAMED) yield cannotRead(`${unreadable.length - MAX_NAMED} more places cannot be read`)
  if (files.length === 0) {
    // Where a directory could not be looked into, nobody knows.
    if (unreadable.length > 0) return
    const fix = 'correct paths, or root, or put the files there; hidden files want a pattern with the dot'
    yield { level: 'fault', what: `no file matches ${patterns.join(', ')} under ${root}`, cause: 'a run would end at once', fix }
    return
  }
  const bytes = files.reduce((sum, { size }) => sum + size, 0)
  yield { level: 'ok', what: `${files.length} ${files.length === 1 ? 'file matches' : 'files match'} now, ${bytes} bytes` }
  yield* inspectReading(files, signal)
}

async function* inspectReading(files: readonly FoundFile[], signal: AbortSignal): AsyncGenerator<Finding> {
  let refused = 0
  for (const { path, partition } of files.slice(0, MAX_OPENED)) {
    if (signal.aborted) return
    const error = await openError(path)
    if (error === null) continue
    refused++
    if (refused <= MAX_NAMED) yield cannotRead(fileError(partition, error).message)
  }
  if (refused > MAX_NAMED) yield cannotRead(`${refused - MAX_NAMED} more files cannot be read`)
  if (files.length > MAX_OPENED)
    yield { level: 'ok', what: `only the first ${MAX_OPENED} files were opened to see whether they can be read` }
}

async function openError(path: string): Promise<unknown> {
  try {
    await (await open(path, 'r')).close()
    return null
  } catch (error) {
    return error
  }
}

const cannotRead = (what: string): Finding => ({
  level: 'fault',
  what,
  fix: 'give the user of this process the right to read it, and the directories above it',
  kind: 'not-allowed',
})
