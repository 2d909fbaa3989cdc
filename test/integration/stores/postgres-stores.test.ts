import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, test } from 'vitest'
import { type Database, openDatabase, postgres } from '../../../src/drivers/postgres/database.js'
import { postgresPositions } from '../../../src/stores/positions-postgres.js'
import { postgresQuarantine } from '../../../src/stores/quarantine-postgres.js'
import type { Behaviour } from '../../../src/testing/behaviour.js'
import { positionsBehaviours } from '../../../src/testing/positions-behaviours.js'
import { quarantineBehaviours } from '../../../src/testing/quarantine-behaviours.js'
import { describePostgres, withDatabase } from '../../harness/database.js'

describePostgres('stores on a server', () => {
  const given = withDatabase()
  const database = () => postgres({ connection: given.connection })
  describe('postgresQuarantine', () => {
    for (const { name, run } of ofQuarantine(database)) test(name, run)
  })
  describe('postgresPositions', () => {
    for (const { name, run } of ofPositions(database)) test(name, run)
  })
})

describe('stores embedded', () => {
  // One test for each suite: the database opens its files when it needs them, and is held open since to open it again takes a second.
  test('postgresQuarantine does all that a quarantine must', () => embedded(ofQuarantine))
  test('postgresPositions does all that a store of positions must', () => embedded(ofPositions))
})

async function embedded(suite: (database: () => Database) => readonly Behaviour[]): Promise<void> {
  const directory = await mkdtemp(join(tmpdir(), 'millrace-stores-'))
  const database = postgres({ embedded: join(directory, 'db') })
  try {
    const hold = await openDatabase(database)
    try {
      for (const { name, run } of suite(() => database)) {
        await run().catch(cause => Promise.reject(new Error(`${name}: ${cause.message}`, { cause })))
      }
    } finally {
      await hold.close()
    }
  } finally {
    await rm(directory, { recursive: true, force: true })
  }
}

/** Each behaviour starts from nothing, the first from no tables: to make them anew takes long embedded. */
const EMPTY = ['millrace_quarantine', 'millrace_positions'].map(
  name => `if to_regclass('${name}') is not null then delete from ${name}; end if;`,
)

async function emptied(database: Database): Promise<Database> {
  const session = await openDatabase(database)
  await session.message(`do $$ begin ${EMPTY.join(' ')} end $$`)
  await session.close()
  return database
}

function ofQuarantine(database: () => Database): readonly Behaviour[] {
  return quarantineBehaviours({
    async prepare() {
      const shared = await emptied(database())
      return { quarantine: () => postgresQuarantine(shared) }
    },
  })
}

function ofPositions(database: () => Database): readonly Behaviour[] {
  return positionsBehaviours({
    async prepare() {
      const shared = await emptied(database())
      return { positions: () => postgresPositions(shared) }
    },
  })
}
