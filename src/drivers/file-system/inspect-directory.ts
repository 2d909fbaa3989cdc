import { constants } from 'node:fs'
import { access, stat, statfs } from 'node:fs/promises'
import { dirname, resolve } from 'node:path'
import type { Finding } from '../../core/inspection.js'

/** Below this it is said, in bytes. */
const LITTLE = 1024 ** 3
/** Below this nothing can be promised any more, in bytes. */
const TOO_LITTLE = 16 * 1024 ** 2

/** What is there to be found out of a directory that a part writes into: whether it may, and how much room there is. Changes nothing. */
export async function inspectDirectory(directory: string, what: string): Promise<Finding[]> {
  const path = resolve(directory)
  const found = await stat(path).catch((error: NodeJS.ErrnoException) => error)
  if (!(found instanceof Error)) {
    if (!found.isDirectory()) return [fault(`${what} ${directory} is not a directory`, 'something else has that name', 'name another one')]
    const refusal = await writeRefusal(path)
    if (refusal !== undefined) return [noRight(`${what} ${directory} cannot be written`, refusal, path)]
    return [{ level: 'ok', what: `${what} ${directory} can be written` }, ...(await roomIn(path))]
  }
  if (found.code !== 'ENOENT') return [noRight(`${what} ${directory} cannot be reached`, found.message, path)]
  const above = await firstThere(dirname(path))
  const refusal = await writeRefusal(above)
  if (refusal !== undefined) return [noRight(`${what} ${directory} is missing and cannot be made in ${above}`, refusal, above)]
  return [{ level: 'ok', what: `${what} ${directory} is made at the first run` }, ...(await roomIn(above))]
}

/** Whether there is room on the disk of that path. */
export async function roomIn(path: string): Promise<Finding[]> {
  const { bavail, bsize } = await statfs(path)
  return roomFinding(path, bavail * bsize)
}

/** What is to be said of so many free bytes. */
export function roomFinding(path: string, bytes: number): Finding[] {
  const what = `the disk of ${path} has ${amount(bytes)} left`
  const fix = 'make room there, or name a place on another disk'
  if (bytes < TOO_LITTLE) return [{ level: 'fault', what, cause: 'it is as good as full', fix, kind: 'unavailable' }]
  return [bytes < LITTLE ? { level: 'warning', what, cause: 'it fills up', fix } : { level: 'ok', what }]
}

function amount(bytes: number): string {
  const gigabytes = bytes / 1024 ** 3
  return gigabytes >= 1 ? `${gigabytes.toFixed(1)} GiB` : `${Math.floor(bytes / 1024 ** 2)} MiB`
}

async function firstThere(path: string): Promise<string> {
  const found = await stat(path).catch(() => null)
  return found !== null || dirname(path) === path ? path : firstThere(dirname(path))
}

/** Why nothing can be made in that directory; undefined where it can. */
async function writeRefusal(path: string): Promise<string | undefined> {
  try {
    await access(path, constants.W_OK | constants.X_OK)
    const { mode, uid, gid } = await stat(path)
    return refusesEffectiveUser(mode, uid, gid) ? `EACCES: permission denied, access '${path}'` : undefined
  } catch (error) {
    return (error as Error).message
  }
}

/** access(2) goes by the real user: where another one is in effect, the bits are looked at. */
function refusesEffectiveUser(mode: number, uid: number, gid: number): boolean {
  const [user, real] = [process.geteuid?.(), process.getuid?.()]
  if (user === undefined || user === real || user === 0) return false
  const wanted = user === uid ? 0o300 : process.getegid?.() === gid || process.getgroups?.().includes(gid) ? 0o030 : 0o003
  return (mode & wanted) !== wanted
}

const fault = (what: string, cause: string, fix: string): Finding => ({ level: 'fault', what, cause, fix, kind: 'config' })

const noRight = (what: string, cause: string, path: string): Finding => ({
  level: 'fault',
  what,
  cause,
  fix: `let the user of this process write into ${path}, or name another directory`,
  kind: 'not-allowed',
})
