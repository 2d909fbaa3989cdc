import { join } from 'node:path'
import { expect, it } from 'vitest'
import { loadConfig } from '../../../src/config/load-config.js'
import { openDatabase } from '../../../src/drivers/postgres/database.js'
import { databaseOf } from '../../../src/pipelines/database-option.js'
import { kinds } from '../../../src/pipelines/kinds.js'
import { directoryWith } from '../../harness/config-files.js'

const config = {
  pipelines: {
    plain: {
      use: 'files-to-postgres',
      paths: 'in/*.ndjson',
      format: 'ndjson',
      schema: './signup.schema.json',
      table: {
        name: 'signups',
        create: true,
        columns: { id: { type: 'integer', key: true }, email: 'text', at: { type: 'timestamptz', default: { sql: 'now()' } } },
      },
      database: { embedded: 'db' },
      write: { mode: 'upsert', batch: { maxRecords: 2 } },
    },
    cells: {
      use: 'files-to-postgres',
      root: 'in',
      paths: ['*.csv'],
      format: 'csv',
      table: {
        name: 'cells',
        create: true,
        columns: { id: 'bigint', on: 'boolean', note: { type: 'text', nullable: true }, tags: { type: 'integer[]', nullable: true } },
      },
      database: { embedded: './db' },
    },
    made: {
      use: 'files-to-postgres',
      paths: 'in/*.ndjson',
      format: 'ndjson',
      schema: './signup.schema.ts',
      toRow: './to-row.ts',
      concurrency: 4,
      table: { name: 'made', create: true, columns: { email: 'varchar(40)' } },
      database: { embedded: 'db' },
      limits: { maxInFlight: 10_000 },
    },
  },
}
const files = {
  'millrace.config.json': config,
  'in/a.ndjson': '{"id":1,"email":"a@x","extra":1}\n{"id":"two"}\n{"id":1,"email":"b@x"}\n{"id":3,"email":"c@x"}\n',
  'in/b.csv': 'id,on,note,tags,unknown\n9007199254740993,yes,,"[1,2]",x\n2,no,hello,,\n3,maybe,,,\n',
  'signup.schema.json': { type: 'object', properties: { id: { type: 'integer' }, email: { type: 'string' } }, required: ['id', 'email'] },
  'signup.schema.ts': `export default { type: 'object', required: ['id'] } as const`,
  'to-row.ts': `
    import type { RecordContext } from 'millrace'
    export default async (value: { id: number; email?: string }, context: RecordContext) =>
      value.email === undefined ? context.skip('no email') : { email: value.email.toUpperCase() }`,
}

it('files-to-postgres makes of a config alone rows of a table, once, and keeps what fails', async () => {
  const directory = await directoryWith(files)
  const loaded = await loadConfig(join(directory, 'millrace.config.json'), { kinds, env: {} })
  // Held meanwhile: opening it anew for each run would cost a second. The pipelines share it, as their directory is the same.
  const session = await openDatabase(databaseOf({ embedded: 'db' }, directory))
  try {
    const run = async (name: string) => {
      const { delivered, skipped, quarantined, reasons } = await (await loaded.pipeline(name)).start().finished
      return { delivered, skipped, quarantined, reasons }
    }
    expect(await run('plain')).toEqual({ delivered: 3, skipped: 0, quarantined: 1, reasons: { MILL_VALUE_INVALID: 1 } })
    expect(await run('plain')).toEqual({ delivered: 0, skipped: 0, quarantined: 0, reasons: {} })
    expect(await run('cells')).toEqual({ delivered: 2, skipped: 0, quarantined: 1, reasons: { MILL_COLUMN_VALUE: 1 } })
    expect(await run('made')).toEqual({ delivered: 3, skipped: 1, quarantined: 0, reasons: { 'no email': 1 } })
    const rows = async (statement: string) => (await session.query(statement)).rows
    expect(await rows('select id, email, at is not null as "hasTime" from signups order by id')).toEqual([
      { id: 1, email: 'b@x', hasTime: true },
      { id: 3, email: 'c@x', hasTime: true },
    ])
    expect(await rows('select id::text, "on", note, tags from cells order by id')).toEqual([
      { id: '2', on: false, note: 'hello', tags: null },
      { id: '9007199254740993', on: true, note: null, tags: [1, 2] },
    ])
    expect(await rows('select email from made order by 1')).toEqual([{ email: 'A@X' }, { email: 'B@X' }, { email: 'C@X' }])
  } finally {
    await session.close()
  }
}, 60_000)
