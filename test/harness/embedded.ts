import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type Database, openDatabase, postgres } from '../../src/drivers/postgres/database.js'

/** A new embedded database for one test. It is held open meanwhile: opening it anew for each run and look would cost a second. */
export async function onEmbedded(use: (database: Database) => Promise<void>): Promise<void> {
  const directory = await mkdtemp(join(tmpdir(), 'millrace-embedded-'))
  const database = postgres({ embedded: join(directory, 'db') })
  try {
    const hold = await openDatabase(database)
    try {
      await use(database)
    } finally {
      await hold.close()
    }
  } finally {
    await rm(directory, { recursive: true, force: true })
  }
}
