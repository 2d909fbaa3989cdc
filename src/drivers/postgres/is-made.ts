import { stat } from 'node:fs/promises'
import { type Database, sharedOf } from './database.js'

/** Whether there is anything to open: an embedded database that was never made is made by opening it, which a mere look must not do. */
export async function isMade(database: Database): Promise<boolean> {
  const { directory } = sharedOf(database)
  // A process that is making it now has the lock already.
  return directory === null || (await isThere(`${directory}/PG_VERSION`)) || isThere(`${directory}.lock`)
}

const isThere = async (path: string): Promise<boolean> => (await stat(path).catch(() => null)) !== null
