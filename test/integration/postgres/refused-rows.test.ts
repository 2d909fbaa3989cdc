import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import type { MillraceError } from '../../../src/core/errors.js'
import { type Database, openDatabase, postgres } from '../../../src/drivers/postgres/database.js'
import { postgresSink } from '../../../src/sinks/postgres.js'
import { table } from '../../../src/tables/table.js'
import { describePostgres, withDatabase } from '../../harness/database.js'
import { PostgresProxy } from '../../harness/postgres-proxy.js'
import { withWrites } from '../../harness/sink-writes.js'

const orders = table('orders', c => ({ id: c.bigint(), email: c.text(), amount: c.numeric(), customer: c.integer() }), { key: ['id'] })
const ddl = `drop table if exists orders, customers, millrace_ledger, millrace_seen;
create table customers (id integer primary key);
insert into customers select generate_series(0, 9);
create table orders (id bigint primary key, email text not null unique, amount numeric(6,2) not null check (amount >= 0),
  customer integer not null, constraint orders_of_customer foreign key (customer) references customers)`

const row = (id: number, more: object = {}) => ({ id, email: `${id}@example.org`, amount: '10.5', customer: id % 10, ...more })
const span = (from: number, to: number) => Array.from({ length: to - from }, (_, i) => from + i)
const modes = [
  { name: 'append', options: { mode: 'append', onDuplicate: 'quarantine' } },
  { name: 'append with ledger', options: { mode: 'append', ledger: true } },
  { name: 'append, duplicates ignored', options: { mode: 'append', onDuplicate: 'ignore' } },
  { name: 'upsert', options: { mode: 'upsert' } },
  { name: 'upsert with ledger', options: { mode: 'upsert', ledger: true } },
] as const
type Mode = (typeof modes)[number]

/** Which rows are bad, and what the server says of each: the SQLSTATE, and the constraint. */
const faults = [
  { name: 'a number that the column is too small for', bad: { amount: '123456' }, told: '22003', most: 4 },
  { name: 'a check', bad: { amount: '-1' }, told: '23514 orders_amount_check', most: 30 },
  { name: 'a foreign key, of which COPY tells no line', bad: { customer: 99 }, told: '23503 orders_of_customer', most: 30 },
] as const

interface Place {
  readonly database: Database
  /** Statements that wrote rows, or tried to, since the last call. */
  readonly statements?: () => number
}

async function expectRefused(
  place: Place,
  mode: Mode,
  rows: readonly { readonly id: number }[],
  bad: ReadonlyMap<number, string>,
  most = Number.POSITIVE_INFINITY,
) {
  await withHold(place.database, async query => {
    await query(ddl)
    await withWrites(postgresSink(place.database, orders, mode.options), async writes => {
      place.statements?.()
      const isLedger = 'ledger' in mode.options
      const there = async () => (await query('select id from orders order by id')).map(([id]) => Number(id))
      const refused = new Map<number, unknown>()
      let left = rows.map((row, i) => ({ row, i }))
      // Under a ledger a write with bad rows leaves nothing, and what hides behind them may show in the next one, as the run does it.
      for (let found: ReadonlyMap<number, unknown>; ; left = left.filter((_, at) => !found.has(at))) {
        found = await writes.refused(
          left.map(({ row }) => row),
          0,
        )
        for (const [at, error] of found) refused.set(left[at]!.i, error)
        if (found.size === 0 || !isLedger) break
        expect(await there()).toEqual([])
        expect(refused.size).toBeLessThanOrEqual(bad.size)
      }
      const count = place.statements?.() ?? 0
      const inOrder = [...refused].sort(([a], [b]) => a - b)
      expect(new Map(inOrder.map(([index, error]) => [index, told(error)]))).toEqual(bad)
      expect(count).toBeLessThanOrEqual(most)
      const good = new Set(rows.filter((_, i) => !bad.has(i)).map(({ id }) => id))
      expect(await there()).toEqual([...good].sort((a, b) => a - b))
    })
  })
}

function told(error: unknown): string {
  const { code, details } = error as MillraceError<'MILL_DATABASE_REFUSED'>
  expect(code).toBe('MILL_DATABASE_REFUSED')
  return [details.sqlstate, details.constraint].filter(Boolean).join(' ')
}

async function withHold<T>(
  database: Database,
  use: (query: (sql: string) => Promise<readonly (readonly (string | null)[])[]>) => Promise<T>,
): Promise<T> {
  const hold = await openDatabase(database)
  try {
    return await use(async sql => (await hold.message(sql)).at(-1)!.rows)
  } finally {
    await hold.close()
  }
}

function cases(withPlace: (use: (place: Place) => Promise<void>) => Promise<void>): void {
  it.each(modes.flatMap(mode => faults.map(fault => ({ mode, fault, name: `${mode.name}: ${fault.name}` }))))(
    'one bad row in 3,000: $name',
    ({ mode, fault }) =>
      withPlace(place =>
        expectRefused(
          place,
          mode,
          span(0, 3_000).map(i => row(i, i === 1_717 ? fault.bad : {})),
          new Map([[1_717, fault.told]]),
          fault.most,
        ),
      ),
  )

  it.each(modes)('the first, the last, neighbours, of all kinds: $name', mode =>
    withPlace(async place => {
      const bad = new Map<number, (typeof faults)[number]>([
        [0, faults[0]],
        [1, faults[1]],
        [200, faults[2]],
        [201, faults[0]],
        [399, faults[1]],
      ])
      const rows = span(0, 400).map(i => row(i, bad.get(i)?.bad))
      await expectRefused(place, mode, rows, new Map([...bad].map(([i, { told }]) => [i, told])))
    }),
  )

  it.each(modes)('every row: $name', mode =>
    withPlace(place =>
      expectRefused(
        place,
        mode,
        span(0, 40).map(i => row(i, { amount: '-1' })),
        new Map(span(0, 40).map(i => [i, faults[1].told])),
      ),
    ),
  )

  it('append names duplicates in the table, within the batch, and of another unique column', () =>
    withPlace(async place => {
      await withHold(place.database, async query => {
        await query(ddl)
        await withWrites(postgresSink(place.database, orders, { mode: 'append', onDuplicate: 'quarantine' }), async writes => {
          await writes.write(span(0, 1_000).map(i => row(i)))
          place.statements?.()
          const next = [...span(500, 2_000).map(i => row(i)), row(1_999), row(5_000, { email: '3@example.org' })]
          const refused = await writes.refused(next)
          // The rows, the same into staging, and from there: however many there are.
          expect(place.statements?.() ?? 0).toBeLessThanOrEqual(3)
          expect([...refused.keys()].sort((a, b) => a - b)).toEqual([...span(0, 500), 1_500, 1_501])
          expect(new Set([...refused.values()].map(error => told(error).slice(0, 5)))).toEqual(new Set(['23505']))
          expect(await query('select count(*) from orders')).toEqual([['2000']])
        })
      })
    }))

  it('ignores duplicates in the table, within the batch, and of another unique column', () =>
    withPlace(async place => {
      await withHold(place.database, async query => {
        await query(ddl)
        await withWrites(postgresSink(place.database, orders, { mode: 'append', onDuplicate: 'ignore' }), async writes => {
          await writes.write([row(1), row(2)])
          await writes.write([row(2, { amount: '99' }), row(3), row(3, { amount: '77' }), row(4, { email: '1@example.org' })])
        })
        expect(await query('select id, amount from orders order by id')).toEqual([
          ['1', '10.50'],
          ['2', '10.50'],
          ['3', '10.50'],
        ])
      })
    }))

  it('finds what only COMMIT would refuse', () =>
    withPlace(async place => {
      await withHold(place.database, async query => {
        await query(`${ddl}; alter table orders drop constraint orders_of_customer;
alter table orders add constraint late foreign key (customer) references customers deferrable initially deferred`)
        await withWrites(postgresSink(place.database, orders, { mode: 'upsert' }), async writes => {
          const refused = await writes.refused(span(0, 100).map(i => row(i, i === 42 ? { customer: 99 } : {})))
          expect([...refused].map(([i, error]) => [i, told(error)])).toEqual([[42, '23503 late']])
          expect(await query('select count(*) from orders')).toEqual([['99']])
        })
      })
    }))

  it("finds the row that a user's trigger refuses", () =>
    withPlace(async place => {
      await withHold(place.database, async query => {
        await query(`${ddl}; create or replace function refuse() returns trigger language plpgsql as $$
begin if new.id = 7 then raise exception 'not seven'; end if; return new; end $$;
create trigger refuse before insert on orders for each row execute function refuse()`)
        await withWrites(postgresSink(place.database, orders, { mode: 'append', onDuplicate: 'quarantine' }), async writes => {
          const refused = await writes.refused(span(0, 20).map(i => row(i)))
          expect([...refused].map(([i, error]) => [i, told(error)])).toEqual([[7, 'P0001']])
        })
      })
    }))
}

describePostgres('rows that only a server refuses', () => {
  const database = withDatabase()
  cases(async use => {
    const proxy = await PostgresProxy.start(database.connection)
    let count = 0
    proxy.decide = ({ from, type, text }) => {
      // A statement that the server ran ends with its tag, or with an error.
      if (from === 'server' && (type === 'E' || (type === 'C' && /^(COPY|INSERT|UPDATE)/.test(text)))) count++
      return 'pass'
    }
    const statements = () => {
      const before = count
      count = 0
      return before
    }
    try {
      await use({ database: postgres({ connection: proxy.address }), statements })
    } finally {
      await proxy.close()
    }
  })
})

describe('rows that only PGlite refuses', () => {
  it('are found as on a server', { timeout: 120_000 }, async () => {
    const directory = mkdtempSync(join(tmpdir(), 'millrace-pglite-'))
    const database = postgres({ embedded: join(directory, 'db') })
    const hold = await openDatabase(database)
    try {
      // Append, its ledger, and upsert: the other modes take the same ways.
      for (const mode of [modes[0], modes[1], modes[3]]) {
        for (const fault of faults) {
          const rows = span(0, 200).map(i => row(i, i === 171 ? fault.bad : {}))
          await expectRefused({ database }, mode, rows, new Map([[171, fault.told]]))
        }
      }
    } finally {
      await hold.close()
      rmSync(directory, { recursive: true, force: true })
    }
  })
})
