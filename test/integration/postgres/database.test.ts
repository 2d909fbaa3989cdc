import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { type Database, openDatabase, postgres } from '../../../src/drivers/postgres/database.js'
import { isOutcomeUnknown, refusalOf } from '../../../src/drivers/postgres/database-error.js'
import type { DatabaseSession } from '../../../src/drivers/postgres/database-session.js'
import { describePostgres, query, withDatabase } from '../../harness/database.js'
import { PostgresProxy } from '../../harness/postgres-proxy.js'
import { freePort } from '../../harness/servers/free-port.js'
import { until } from '../../harness/servers/server.js'

async function using<T>(database: Database, use: (session: DatabaseSession) => Promise<T>): Promise<T> {
  const session = await openDatabase(database)
  try {
    return await use(session)
  } finally {
    await session.close()
  }
}

const rows = (...lines: string[]) => Buffer.from(lines.map(line => `${line}\n`).join(''))

/** What holds on a server and embedded alike. */
const cases: Readonly<Record<string, (session: DatabaseSession) => Promise<void>>> = {
  'a message is one transaction, its COPY included': async session => {
    await session.message('create table t (id int primary key, name text)')
    const copy = `copy t from ${session.copySource}`
    const [copied, found] = await session.message(`${copy}; select * from t order by id`, [[rows('1\ta\\tb', '2\t\\N')]])
    expect(copied!.rowCount).toBe(2)
    expect(found!.rows).toEqual([
      ['1', 'a\tb'],
      ['2', null],
    ])
    await expect(session.message(`${copy}; select 1 / 0`, [[rows('3\tc')]])).rejects.toMatchObject({ details: { sqlstate: '22012' } })
    expect((await session.query('select count(*)::int n from t')).rows).toEqual([{ n: 2 }])
  },

  'COPY tells the line and the column of a bad value': async session => {
    await session.message('create table t (id int primary key, name text)')
    const error = await session.message(`copy t from ${session.copySource}`, [[rows('1\ta', 'x\tb')]]).catch(caught => caught)
    expect(refusalOf(error)).toMatchObject({ sqlstate: '22P02', line: 2, column: 'id' })
    expect(error).toMatchObject({ code: 'MILL_DATABASE_REFUSED', retryable: false })
  },

  'rows that cannot be made leave nothing, and the connection is good': async session => {
    await session.message('create table t (id int primary key, name text)')
    const broken = {
      *[Symbol.iterator]() {
        yield rows('1\ta')
        throw new Error('mine')
      },
    }
    await expect(session.message(`copy t from ${session.copySource}`, [broken])).rejects.toThrow('mine')
    await session.message(`copy t from ${session.copySource}`, [[rows('2\tb'), rows('3\tc')]])
    expect((await session.query('select id from t order by id')).rows).toEqual([{ id: 2 }, { id: 3 }])
  },

  'a transaction that throws leaves nothing, and the connection is good': async session => {
    await session.message('create table t (id int)')
    const failing = session.transaction(async connection => {
      await connection.query('insert into t values ($1)', [1])
      throw new Error('mine')
    })
    await expect(failing).rejects.toThrow('mine')
    await session.transaction(connection => connection.query('insert into t values ($1)', [2]))
    expect((await session.query('select * from t')).rows).toEqual([{ id: 2 }])
  },

  'knex works on the same connections, transactions included': async session => {
    const knex = await session.knex()
    await knex.schema.createTable('people', made => {
      made.bigInteger('id').primary()
      made.text('name').notNullable()
    })
    await knex('people').insert({ id: 1, name: `it's` })
    await knex.transaction(async transaction => {
      await transaction('people').insert({ id: 2, name: 'b' })
    })
    const failing = knex.transaction(async transaction => {
      await transaction('people').insert({ id: 3, name: 'c' })
      throw new Error('mine')
    })
    await expect(failing).rejects.toThrow('mine')
    expect(await knex('people').select('id', 'name').orderBy('id')).toEqual([
      { id: '1', name: `it's` },
      { id: '2', name: 'b' },
    ])
    await expect(knex('people').insert({ id: 1, name: 'again' })).rejects.toMatchObject({ details: { sqlstate: '23505' } })
  },

  'values are read alike': async session => {
    const { rows } = await session.query(
      `select 9007199254740993::int8 "big", 1.10::numeric "exact", '2024-02-29'::date "day", '2024-02-29 12:00+02'::timestamptz "moment", '\\x0aff'::bytea "bytes", '{"a":1}'::jsonb "body"`,
    )
    expect({ ...rows[0], bytes: [...(rows[0]!['bytes'] as Uint8Array)] }).toEqual({
      big: '9007199254740993',
      exact: '1.10',
      day: '2024-02-29',
      moment: new Date('2024-02-29T10:00:00Z'),
      bytes: [10, 255],
      body: { a: 1 },
    })
  },

  'NUL in SQL is refused before the server sees the half of it': async session => {
    await expect(session.message(`select 'a\0'; select 1`)).rejects.toMatchObject({ details: { sqlstate: '22021' } })
  },

  'what is wrong with the statement is the run’s, and not to be waited for': async session => {
    await expect(session.query('select * from nowhere')).rejects.toMatchObject({ retryable: false, details: { sqlstate: '42P01' } })
  },
}
const wipe = 'drop table if exists t, people'

describePostgres('postgres() on a server', () => {
  const place = withDatabase()

  it.each(Object.entries(cases))('%s', async (_, run) => {
    await query(place.connection, wipe)
    await using(postgres({ connection: place.connection }), run)
  })

  it('closes its connections with the last session', async () => {
    const database = postgres({ connection: place.connection })
    const [first, second] = [await openDatabase(database), await openDatabase(database)]
    await first.close()
    await first.close()
    expect((await second.query('select 1 one')).rows).toEqual([{ one: 1 }])
    await second.close()
    await until(5_000, async () => {
      const [row] = await query<{ n: number }>(
        place.connection,
        `select count(*)::int n from pg_stat_activity where datname = current_database()`,
      )
      expect(row!.n).toBe(1)
    })
    await using(database, async third => expect((await third.query('select 1 one')).rows).toEqual([{ one: 1 }]))
  })

  it('heals when its connections are cut', async () => {
    const proxy = await PostgresProxy.start(place.connection)
    try {
      await using(postgres({ connection: proxy.address }), async session => {
        const sleeping = session.query('select pg_sleep(60)').catch(error => error)
        await until(5_000, async () => {
          const found = await query(
            place.connection,
            `select 1 from pg_stat_activity where query like '%pg_sleep(60)%' and pid <> pg_backend_pid()`,
          )
          expect(found.length).toBe(1)
        })
        proxy.cut()
        const error = await sleeping
        expect(error).toMatchObject({ code: 'MILL_DATABASE_AWAY', retryable: true })
        expect(isOutcomeUnknown(error)).toBe(true)
        expect((await session.query('select 1 one')).rows).toEqual([{ one: 1 }])
      })
      await query(
        place.connection,
        `select pg_terminate_backend(pid) from pg_stat_activity where query like '%pg_sleep(60)%' and pid <> pg_backend_pid()`,
      )
    } finally {
      await proxy.close()
    }
  })

  it('waits when the server shuts its connections', async () => {
    await using(postgres({ connection: place.connection }), async session => {
      const error = await session.withConnection(async connection => {
        const waiting = connection.query('select pg_sleep(60)').catch(caught => caught)
        await query(place.connection, 'select pg_terminate_backend($1)', [connection.pid])
        return waiting
      })
      expect(error).toMatchObject({ retryable: true })
      expect((await session.query('select 1 one')).rows).toEqual([{ one: 1 }])
    })
  })

  it('ends what an aborted connection has under way', async () => {
    await using(postgres({ connection: place.connection }), async session => {
      const error = await session.withConnection(async connection => {
        const waiting = connection.query('select pg_sleep(2)').catch(caught => caught)
        connection.abort()
        return waiting
      })
      expect(error).toMatchObject({ code: 'MILL_DATABASE_AWAY' })
    })
  })

  it('says of a server that is not there that it is away, and of a wrong password that it is refused; neither shows the password', async () => {
    const url = new URL(place.connection)
    url.password = 'wrong-secret'
    const refused = await openDatabase(postgres({ connection: url.href })).catch(error => error)
    expect(refused).toMatchObject({ code: 'MILL_DATABASE_REFUSED', retryable: false, details: { sqlstate: '28P01' } })
    url.port = `${await freePort()}`
    const away = await openDatabase(postgres({ connection: url.href })).catch(error => error)
    expect(away).toMatchObject({ code: 'MILL_DATABASE_AWAY', retryable: true })
    expect(`${refused.message} ${away.message}`).not.toContain('wrong-secret')
  })
})

describe('postgres() embedded', () => {
  it('does as a server does', { timeout: 60_000 }, async () => {
    const directory = mkdtempSync(join(tmpdir(), 'millrace-pglite-'))
    try {
      await using(postgres({ embedded: join(directory, 'db') }), async session => {
        for (const [name, run] of Object.entries(cases)) {
          await session.message(wipe)
          await run(session).catch(cause => {
            throw new Error(name, { cause })
          })
        }
      })
    } finally {
      rmSync(directory, { recursive: true, force: true })
    }
  })

  it('is one process’s at a time, and is claimed from one that was killed', { timeout: 60_000 }, async () => {
    const directory = mkdtempSync(join(tmpdir(), 'millrace-pglite-'))
    const database = postgres({ embedded: join(directory, 'db') })
    const lock = join(directory, 'db.lock')
    const other = spawn(process.execPath, ['-e', 'setInterval(() => {}, 1000)'])
    try {
      writeFileSync(lock, `${other.pid}\n`)
      await expect(openDatabase(database)).rejects.toMatchObject({
        code: 'MILL_DATABASE_AWAY',
        retryable: true,
        message: expect.stringContaining(`${other.pid}`),
      })
      other.kill('SIGKILL')
      await once(other, 'exit')
      await using(database, async session => {
        await expect(openDatabase(postgres({ embedded: join(directory, 'db') }))).rejects.toMatchObject({ code: 'MILL_DATABASE_AWAY' })
        expect((await session.query('select 1 one')).rows).toEqual([{ one: 1 }])
      })
      expect(existsSync(lock)).toBe(false)
    } finally {
      other.kill('SIGKILL')
      rmSync(directory, { recursive: true, force: true })
    }
  })
})
