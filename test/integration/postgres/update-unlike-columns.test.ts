import { expect, it } from 'vitest'
import { openDatabase, postgres } from '../../../src/drivers/postgres/database.js'
import { postgresSink } from '../../../src/sinks/postgres.js'
import { table } from '../../../src/tables/table.js'
import { describePostgres, query, withDatabase } from '../../harness/database.js'
import { withWrites } from '../../harness/sink-writes.js'

const stock = table('stock', c => ({ id: c.integer(), count: c.integer(), note: c.text().default({ sql: `'new'` }) }), { key: ['id'] })

describePostgres('an update', () => {
  const place = withDatabase()

  it('keeps what an earlier row of the batch set, where a later one of its key leaves the column out', async () => {
    const database = postgres({ connection: place.connection })
    await query(
      place.connection,
      `create table stock (id integer primary key, count integer not null check (count < 100), note text not null default 'new');
       insert into stock values (1, 0, 'old'), (2, 0, 'old'), (3, 0, 'old'), (4, 0, 'old')`,
    )
    const hold = await openDatabase(database)
    try {
      await withWrites(postgresSink(database, stock, { mode: 'update' }), async writes => {
        await writes.write([
          { id: 1, count: 1, note: 'a' },
          { id: 1, count: 2 },
          { id: 2, count: 3 },
          { id: 2, count: 4, note: 'b' },
          { id: 2, count: 5 },
          { id: 3, count: 6 },
        ])
        const refused = await writes.refused([
          { id: 4, count: 7, note: 'c' },
          { id: 4, count: 999 },
        ])
        expect([...refused.keys()]).toEqual([1])
      })
      expect(await query(place.connection, 'select id, count, note from stock order by id')).toEqual([
        { id: 1, count: 2, note: 'a' },
        { id: 2, count: 5, note: 'b' },
        { id: 3, count: 6, note: 'old' },
        { id: 4, count: 7, note: 'c' },
      ])
    } finally {
      await hold.close()
    }
  })
})
