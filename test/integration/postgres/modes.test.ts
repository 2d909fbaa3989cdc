import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { type Database, openDatabase, postgres } from '../../../src/drivers/postgres/database.js'
import type { DatabaseSession } from '../../../src/drivers/postgres/database-session.js'
import { identifier } from '../../../src/drivers/postgres/literals.js'
import { postgresSink } from '../../../src/sinks/postgres.js'
import type { ColumnDefinition } from '../../../src/tables/column.js'
import { table } from '../../../src/tables/table.js'
import { describePostgres, withDatabase } from '../../harness/database.js'
import { withWrites } from '../../harness/sink-writes.js'
import { sameText, takenRow, wideTable } from '../../harness/wide-table.js'

type Hold = DatabaseSession

const stock = table(
  'stock',
  c => ({ shop: c.text(), item: c.integer(), count: c.integer(), note: c.text().nullable(), state: c.text().default({ sql: `'new'` }) }),
  { key: ['shop', 'item'], create: true },
)
const row = (item: number, count: number, more: object = {}) => ({ shop: 'a', item, count, note: null, state: 'given', ...more })
const all = (hold: Hold) => hold.message('select item, count, note, state from stock order by shop, item').then(([result]) => result!.rows)
const wipe = (hold: Hold) => hold.message('drop table if exists stock, millrace_ledger, millrace_seen')

const cases: Readonly<Record<string, (database: Database, hold: Hold) => Promise<void>>> = {
  'upsert adds rows, and sets all columns but the key of those that are there; of one key the last wins': async (database, hold) => {
    await withWrites(postgresSink(database, stock, { mode: 'upsert' }), async writes => {
      await writes.write([row(1, 10), row(2, 20), row(1, 11)])
      await writes.write([row(3, 30), row(1, 12, { note: 'x' }), row(3, 31), row(1, 13)])
    })
    expect(await all(hold)).toEqual([
      ['1', '13', null, 'given'],
      ['2', '20', null, 'given'],
      ['3', '31', null, 'given'],
    ])
  },

  'upsert sets the columns to merge alone': async (database, hold) => {
    await withWrites(postgresSink(database, stock, { mode: 'upsert', merge: ['count'] }), async writes => {
      await writes.write([row(1, 10, { note: 'first' })])
      await writes.write([row(1, 11, { note: 'second' }), row(2, 20, { note: 'third' })])
    })
    expect(await all(hold)).toEqual([
      ['1', '11', 'first', 'given'],
      ['2', '20', 'third', 'given'],
    ])
  },

  'update sets what is there and adds nothing': async (database, hold) => {
    await withWrites(postgresSink(database, stock, { mode: 'upsert' }), writes => writes.write([row(1, 10), row(2, 20)]))
    await withWrites(postgresSink(database, stock, { mode: 'update', merge: ['count', 'note'] }), async writes => {
      await writes.write([row(1, 11), row(3, 30), row(1, 12, { note: 'x', state: 'other' })])
    })
    expect(await all(hold)).toEqual([
      ['1', '12', 'x', 'given'],
      ['2', '20', null, 'given'],
    ])
  },

  'a column left out gets its default, and rows of both kinds keep their order': async (database, hold) => {
    const { state: _, ...bare } = row(1, 10)
    await withWrites(postgresSink(database, stock, { mode: 'append', ledger: true }), writes =>
      writes.write([bare, row(2, 20), { ...bare, item: 3 }]),
    )
    expect(await all(hold)).toEqual([
      ['1', '10', null, 'new'],
      ['2', '20', null, 'given'],
      ['3', '10', null, 'new'],
    ])
    await withWrites(postgresSink(database, stock, { mode: 'upsert' }), async writes => {
      await writes.write([row(1, 1), { ...bare, count: 2 }, row(4, 4), { ...bare, item: 4 }, row(4, 5)])
    })
    expect(await all(hold)).toEqual([
      ['1', '2', null, 'new'],
      ['2', '20', null, 'given'],
      ['3', '10', null, 'new'],
      ['4', '5', null, 'given'],
    ])
  },

  'many rows: the last of each key wins, defaults and all': async (database, hold) => {
    const { state: _, ...bare } = row(0, 0)
    const rows = Array.from({ length: 1_500 }, (_, i) => (i % 3 === 0 ? { ...bare, item: i % 400, count: i } : row(i % 400, i)))
    const last = new Map(rows.map(one => [one.item, [`${one.item}`, `${one.count}`, null, 'state' in one ? 'given' : 'new']]))
    await withWrites(postgresSink(database, stock, { mode: 'upsert', ledger: true }), writes => writes.write(rows))
    expect(await all(hold)).toEqual([...last.values()].sort(([a], [b]) => Number(a) - Number(b)))
    const given = rows.map(({ item }, i) => row(item, i + 10_000))
    await withWrites(postgresSink(database, stock, { mode: 'update', merge: ['count'] }), writes => writes.write(given))
    expect((await all(hold)).map(([, count]) => Number(count))).toEqual(
      Array.from({ length: 400 }, (_, i) => 11_200 + i - (i >= 300 ? 400 : 0)),
    )
  },

  'names what differs at start': async (database, hold) => {
    await hold.message('create table stock (shop text, item integer, count text not null, state text, primary key (shop, item))')
    const opening = withWrites(postgresSink(database, stock, { mode: 'upsert' }), async () => {})
    await expect(opening).rejects.toMatchObject({ code: 'MILL_TABLE_MISMATCH', retryable: false })
    await expect(opening).rejects.toThrow(/count.*note/s)
  },

  'checks values before they are sent': async database => {
    await withWrites(postgresSink(database, stock, { mode: 'upsert' }), async ({ session }) => {
      const check = (value: unknown) => (session.check?.({ value } as never) as { code: string; message: string } | undefined)?.message
      expect(check(row(1, 1))).toBeUndefined()
      expect(check(row(1, 2 ** 31))).toContain('column count of table stock takes a whole number')
      expect(check(row(1, 1, { note: 'a\0b' }))).toContain('NUL')
      expect(check(row(1, 1, { note: '\ud800' }))).toContain('lone surrogates')
      expect(check(row(1, 1, { shop: null }))).toContain('not null')
      expect(check(row(1, 1, { cuont: 1 }))).toContain('column is not in table stock: cuont')
    })
  },
}

describePostgres('modes of postgresSink on a server', () => {
  const place = withDatabase()
  it.each(Object.entries(cases))('%s', async (_, run) => {
    const database = postgres({ connection: place.connection })
    const hold = await openDatabase(database)
    try {
      await wipe(hold)
      await run(database, hold)
    } finally {
      await hold.close()
    }
  })

  it('keeps the last of each key with two writes at a time, by lane', async () => {
    const database = postgres({ connection: place.connection })
    const hold = await openDatabase(database)
    try {
      await wipe(hold)
      const sink = postgresSink(database, stock, { mode: 'upsert' })
      expect(sink.maxConcurrentWrites).toBe(2)
      const lanes = [row(1, 1), row(1, 2), row(2, 1)].map(value => sink.lane!({ value } as never))
      expect(lanes[0]).toBe(lanes[1])
      expect(lanes[0]).not.toBe(lanes[2])
    } finally {
      await hold.close()
    }
  })

  it.each(['append', 'ignore', 'upsert'] as const)('writes every type as it was given: %s', async how => {
    const database = postgres({ connection: place.connection })
    const hold = await openDatabase(database)
    const wide = wideTable(`wide_${how}`)
    const options =
      how === 'upsert'
        ? { mode: 'upsert' as const }
        : { mode: 'append' as const, onDuplicate: how === 'ignore' ? ('ignore' as const) : ('quarantine' as const) }
    let next = 0
    try {
      await withWrites(postgresSink(database, wide, options), writes =>
        fc.assert(
          fc.asyncProperty(fc.array(takenRow, { minLength: 1, maxLength: 30 }), async given => {
            const rows = given.map(one => ({ ...one, id: next++ }))
            await writes.write(rows)
            await expectSame(hold, wide, rows)
          }),
          { numRuns: 25, endOnFailure: true },
        ),
      )
    } finally {
      await hold.close()
    }
  })

  it.each([{ mode: 'append', ledger: true }, { mode: 'append', onDuplicate: 'ignore' }, { mode: 'upsert' }] as const)(
    'writes five thousand rows of every type in one batch: %j',
    async options => {
      const database = postgres({ connection: place.connection })
      const hold = await openDatabase(database)
      const wide = wideTable(`wide_many_${JSON.stringify(options)}`.slice(0, 60))
      try {
        const sample = fc.sample(takenRow, { numRuns: 500, seed: 11 })
        const rows = Array.from({ length: 5_000 }, (_, id) => ({ ...sample[id % sample.length]!, id }))
        await withWrites(postgresSink(database, wide, options), writes => writes.write(rows))
        await expectSame(hold, wide, rows)
      } finally {
        await hold.close()
      }
    },
  )
})

describe('modes of postgresSink on PGlite', () => {
  it('do as on a server', { timeout: 60_000 }, async () => {
    const directory = mkdtempSync(join(tmpdir(), 'millrace-pglite-'))
    const database = postgres({ embedded: join(directory, 'db') })
    const hold = await openDatabase(database)
    try {
      for (const [name, run] of Object.entries(cases)) {
        await wipe(hold)
        await run(database, hold).catch(cause => {
          throw new Error(name, { cause })
        })
      }
    } finally {
      await hold.close()
      rmSync(directory, { recursive: true, force: true })
    }
  })
})

async function expectSame(
  hold: Hold,
  wide: ReturnType<typeof wideTable>,
  rows: readonly Readonly<Record<string, unknown>>[],
): Promise<void> {
  const columns = Object.entries(wide.columns as unknown as Record<string, ColumnDefinition>)
  const texts = columns.map(([name, { isArray }]) =>
    isArray ? `array_to_json(${identifier(name)}::text[])::text` : `${identifier(name)}::text`,
  )
  const ids = rows.map(({ id }) => id as number)
  const [found] = await hold.message(
    `select ${texts.join(', ')} from ${identifier(wide.name)} w where id between ${ids[0]} and ${ids.at(-1)} order by w.id`,
  )
  expect(found!.rows.length).toBe(rows.length)
  for (const [i, row] of rows.entries()) {
    for (const [j, [name, column]] of columns.entries()) {
      if (row[name] === undefined && column.defaultTo !== undefined) continue
      const [given, read] = sameText(column, row[name], found!.rows[i]![j]!)
      expect(read, `column ${name}`).toBe(given)
    }
  }
}
