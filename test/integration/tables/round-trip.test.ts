import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import fc from 'fast-check'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { openDatabase, postgres } from '../../../src/drivers/postgres/database.js'
import type { DatabaseSession } from '../../../src/drivers/postgres/database-session.js'
import { identifier } from '../../../src/drivers/postgres/literals.js'
import { prepareTable } from '../../../src/tables/prepare-table.js'
import { tableCodec } from '../../../src/tables/table-codec.js'
import { describePostgres, query, withDatabase } from '../../harness/database.js'
import { sameText, takenRow, wideTable } from '../../harness/wide-table.js'

type Row = Readonly<Record<string, unknown>>
const wide = wideTable('wide schema."odd" näme')
const codec = tableCodec(wide)
const longer = process.env['MILLRACE_LONG'] ? 10 : 1

describePostgres('rows of every type, on a server', () => {
  const database = withDatabase()
  // Another zone than ours: it must change nothing.
  beforeAll(async () => {
    const [row] = await query<{ name: string }>(database.connection, 'select current_database() as name')
    await query(database.connection, `alter database ${row!.name} set timezone = 'America/New_York'`)
  })
  roundTrips(40 * longer, () => openDatabase(postgres({ connection: database.connection })))
})

describe('rows of every type, embedded', () => {
  let directory: string
  beforeAll(async () => {
    directory = await mkdtemp(join(tmpdir(), 'millrace-tables-'))
  })
  afterAll(() => rm(directory, { recursive: true, force: true }))
  roundTrips(8 * longer, () => openDatabase(postgres({ embedded: join(directory, 'db') })))
})

function roundTrips(runs: number, open: () => Promise<DatabaseSession>): void {
  test('come back as they were given, by COPY and by recordset', { timeout: 300_000 }, async () => {
    const session = await open()
    try {
      await prepareTable(session, wide)
      await prepareTable(session, wide)
      await fc.assert(
        fc.asyncProperty(fc.array(takenRow, { minLength: 1, maxLength: 12 }), async given => {
          const rows = given.map((row, id) => ({ id, ...row }))
          for (const row of rows) expect(codec.checkRow(row)).toBeUndefined()
          await session.message(`truncate ${codec.sqlName}`)
          await copy(session, rows)
          await expectRows(session, rows)
          await session.message(`truncate ${codec.sqlName}`)
          await insert(session, rows)
          await expectRows(session, rows)
        }),
        { numRuns: runs },
      )
    } finally {
      await session.close()
    }
  })
}

async function copy(session: DatabaseSession, all: readonly Row[]): Promise<void> {
  for (const { shape, rows } of codec.shapesOf(all)) {
    await session.message(`copy ${codec.sqlName} (${shape.columnList}) from ${session.copySource}`, [shape.copyParts(rows)])
  }
}

async function insert(session: DatabaseSession, all: readonly Row[]): Promise<void> {
  for (const { shape, rows } of codec.shapesOf(all)) {
    const source = `jsonb_to_recordset($1) as r(${shape.recordsetType})`
    await session.query(`insert into ${codec.sqlName} (${shape.columnList}) select ${shape.recordsetSelect} from ${source}`, [
      shape.json(rows),
    ])
  }
}

async function expectRows(session: DatabaseSession, rows: readonly Row[]): Promise<void> {
  const columns = [...codec.definition.columns]
  const list = columns.map(([name, { isArray }], i) => {
    const quoted = identifier(name)
    return `${isArray ? `array_to_json(${quoted}::text[])::text` : `${quoted}::text`} as c${i}`
  })
  const read = await session.query<Record<string, string | null>>(`select ${list.join(', ')} from ${codec.sqlName} order by id`)
  expect(read.rows.length).toBe(rows.length)
  const defaults: Row = { state: 'it\'s a "new" one\\?', counted: 2 }
  for (const [at, row] of rows.entries()) {
    for (const [i, [name, column]] of columns.entries()) {
      const [given, found] = sameText(column, row[name] ?? (row[name] === null ? null : defaults[name]), read.rows[at]![`c${i}`]!)
      expect(found, `column ${name}`).toBe(given)
    }
  }
}
