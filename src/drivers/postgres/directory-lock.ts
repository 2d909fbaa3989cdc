import { link, mkdir, readFile, rm, writeFile } from 'node:fs/promises'
import { dirname } from 'node:path'
import { MillraceError } from '../../core/errors.js'

/** Claims of this process: its number may have been another's before a restart, as it is in containers. */
const own = new Set<string>()

/**
 * Claims a directory for this process by a file beside it that names the process. PGlite itself lets two processes open one directory, and the
 * second damages what the first wrote.
 *
 * @returns gives the claim back.
 * @throws {MillraceError} `MILL_DATABASE_AWAY` while a living process holds it.
 * @internal
 */
export async function lockDirectory(name: string, directory: string): Promise<() => Promise<void>> {
  const path = `${directory}.lock`
  await mkdir(dirname(directory), { recursive: true })
  for (let attempt = 0; attempt < 3; attempt++) {
    if (await claimed(path)) {
      own.add(path)
      return async () => {
        own.delete(path)
        await rm(path, { force: true })
      }
    }
    const holder = await holderOf(path)
    if (holder !== undefined)
      throw new MillraceError('MILL_DATABASE_AWAY', { database: name, reason: `process ${holder} uses it` }, { cause: locked(path) })
    await rm(path, { force: true })
  }
  throw new MillraceError('MILL_DATABASE_AWAY', { database: name, reason: `${path} cannot be claimed` })
}

/** By its code the class of the error is told: it is not away, another process has it. */
const locked = (path: string): Error => Object.assign(new Error(`${path} is held`), { code: 'ELOCKED' })

/** The file appears with its content: a claim half made would look like one left behind. */
async function claimed(path: string): Promise<boolean> {
  const draft = `${path}.${process.pid}`
  await writeFile(draft, `${process.pid}\n`)
  try {
    await link(draft, path)
    return true
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') return false
    throw error
  } finally {
    await rm(draft, { force: true })
  }
}

/** The process that holds the lock; undefined where it is gone: killed, it could not give the claim back. */
async function holderOf(path: string): Promise<number | undefined> {
  const pid = Number.parseInt(await readFile(path, 'utf8').catch(() => ''), 10)
  if (!Number.isSafeInteger(pid)) return undefined
  if (pid === process.pid) return own.has(path) ? pid : undefined
  try {
    process.kill(pid, 0)
    return pid
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM' ? pid : undefined
  }
}
