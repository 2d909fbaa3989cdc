import { expect, it } from 'vitest'
import { openDatabase, postgres } from '../../../src/drivers/postgres/database.js'
import { postgresSink } from '../../../src/sinks/postgres.js'
import { table } from '../../../src/tables/table.js'
import { describePostgres, query, withDatabase } from '../../harness/database.js'
import { withWrites } from '../../harness/sink-writes.js'

const stock = table('stock', c => ({ id: c.integer(), count: c.integer(), note: c.text().default({ sql: `'new'` }) }), { key: ['id'] })

describePostgres('a row that is refused', () => {
  const place = withDatabase()

  // Rows of unlike columns are written in several statements, and the last of a key is then found before.
  it.each([
    ['of the same columns', { note: 'x' }],
    ['of other columns', {}],
  ])('leaves the value that its key had before it in the batch: rows %s', async (_, more) => {
    const database = postgres({ connection: place.connection })
    await query(place.connection, 'drop table if exists stock')
    await query(
      place.connection,
      'create table stock (id integer primary key, count integer not null check (count < 100), note text not null default $$new$$)',
    )
    const hold = await openDatabase(database)
    try {
      await withWrites(postgresSink(database, stock, { mode: 'upsert' }), async writes => {
        const rows = [
          { id: 1, count: 1, note: 'a' },
          { id: 1, count: 2, ...more },
          { id: 1, count: 999, note: 'c' },
          { id: 2, count: 3, note: 'd' },
          { id: 3, count: 4, ...more },
          { id: 3, count: 999, note: 'e' },
        ]
        expect([...(await writes.refused(rows)).keys()].sort()).toEqual([2, 5])
      })
      expect(await query(place.connection, 'select id, count from stock order by id')).toEqual([
        { id: 1, count: 2 },
        { id: 2, count: 3 },
        { id: 3, count: 4 },
      ])
    } finally {
      await hold.close()
    }
  })
})
