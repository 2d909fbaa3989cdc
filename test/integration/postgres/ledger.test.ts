import { randomUUID } from 'node:crypto'
import { once } from 'node:events'
import pg from 'pg'
import { beforeEach, expect, it } from 'vitest'
import { isRetryable } from '../../../src/core/retryable.js'
import { CoveredError, FencedError } from '../../../src/core/sink.js'
import { postgres } from '../../../src/drivers/postgres/database.js'
import { postgresSink } from '../../../src/sinks/postgres.js'
import { table } from '../../../src/tables/table.js'
import { describePostgres, query, withDatabase } from '../../harness/database.js'
import { PostgresProxy } from '../../harness/postgres-proxy.js'
import { until } from '../../harness/servers/server.js'
import { type SinkWrites, withWrites } from '../../harness/sink-writes.js'

const events = table('events', c => ({ id: c.bigint(), name: c.text() }), { key: ['id'] })
const span = (from: number, to: number) => Array.from({ length: to - from }, (_, i) => ({ id: from + i, name: `n${from + i}` }))

describePostgres('the ledger of postgresSink', () => {
  const place = withDatabase()
  const sink = (connection = place.connection, more: object = {}) =>
    postgresSink(postgres({ connection }), events, { mode: 'append', ledger: true, ...more })
  const ids = () =>
    query<{ id: string }>(place.connection, 'select id from events order by id').then(rows => rows.map(({ id }) => Number(id)))

  beforeEach(async () => {
    await query(place.connection, 'drop table if exists events, millrace_ledger, millrace_seen')
    await query(place.connection, 'create table events (id bigint primary key, name text not null)')
  })

  it('tells what a lost reply of COMMIT hid: nothing is written twice, nothing goes to quarantine', async () => {
    const proxy = await PostgresProxy.start(place.connection)
    try {
      await withWrites(sink(proxy.address), async writes => {
        for (let round = 0; round < 10; round++) {
          let isDropped = false
          // The first answer of the message: by then the server has all of it, and goes on to commit.
          proxy.decide = ({ from, type, text }) => {
            if (isDropped || from !== 'server' || type !== 'C' || !text.startsWith('COPY')) return 'pass'
            isDropped = true
            return 'cut'
          }
          const rows = span(round * 10, round * 10 + 10)
          const error = await writes.write(rows, round * 10).catch(caught => caught)
          expect(isDropped).toBe(true)
          expect(isRetryable(error)).toBe(true)
          const again = await writtenAgain(writes, rows, round * 10)
          expect(again === 'written' || again instanceof CoveredError).toBe(true)
        }
      })
      expect(await ids()).toEqual(span(0, 100).map(({ id }) => id))
    } finally {
      await proxy.close()
    }
  })

  it('waits for what a lost connection left under way', async () => {
    const proxy = await PostgresProxy.start(place.connection)
    const blocker = new pg.Client({ connectionString: place.connection })
    try {
      await blocker.connect()
      await withWrites(sink(proxy.address, { lockTimeoutMs: 500 }), async writes => {
        // The server holds the whole message, its client goes, and a lock keeps it from the commit until later.
        await blocker.query(`begin; select from millrace_ledger for update`)
        const lost = writes.write(span(0, 5), 0).catch(caught => caught)
        await until(10_000, async () => {
          const [row] = await query<{ n: number }>(
            place.connection,
            `select count(*)::int n from pg_stat_activity where wait_event_type = 'Lock'`,
          )
          expect(row!.n).toBeGreaterThan(0)
        })
        proxy.cut()
        expect(isRetryable(await lost)).toBe(true)
        const second = writtenAgain(writes, span(0, 5), 0)
        await blocker.query('rollback')
        const again = await second
        expect(again === 'written' || again instanceof CoveredError).toBe(true)
      })
      expect(await ids()).toEqual([0, 1, 2, 3, 4])
    } finally {
      await blocker.end()
      await proxy.close()
    }
  })

  it('ends the connection of a former owner that is frozen in the middle of a COPY, and of one before it', async () => {
    const owners = [randomUUID(), randomUUID()]
    const frozen: FrozenOwner[] = []
    try {
      await withWrites(sink(), async () => {})
      for (const [i, owner] of owners.entries()) {
        await query(place.connection, `update millrace_ledger set owner = '${owner}', epoch = epoch + 1`)
        frozen.push(await FrozenOwner.start(place.connection, owner, i))
      }
      const stranger = await FrozenOwner.start(place.connection, null, 50)
      frozen.push(stranger)
      await withWrites(sink(place.connection, { lockTimeoutMs: 300 }), async writes => {
        expect(await writtenAgain(writes, span(0, 10), 0)).toBe('written')
        expect(await ids()).toEqual(span(0, 10).map(({ id }) => id))
        // Nobody's former owner: it is waited for.
        const error = await writes.write(span(50, 51), 50).catch(caught => caught)
        expect(error).toMatchObject({ code: 'MILL_DATABASE_REFUSED', retryable: true, details: { sqlstate: '55P03' } })
        expect(stranger.isEnded).toBe(false)
      })
      await Promise.all(frozen.slice(0, 2).map(one => one.ended))
    } finally {
      await Promise.all(frozen.map(one => one.thaw()))
    }
  })

  it('ends it too where a refused row of the batch has to be looked for', async () => {
    const owner = randomUUID()
    await query(place.connection, `alter table events add check (name <> 'refused')`)
    await withWrites(sink(), async () => {})
    await query(place.connection, `update millrace_ledger set owner = '${owner}', epoch = epoch + 1`)
    const frozen = await FrozenOwner.start(place.connection, owner, 5)
    try {
      await withWrites(sink(place.connection, { lockTimeoutMs: 300 }), async writes => {
        // Refused before the batch comes to the key that is held.
        const rows = [{ id: 0, name: 'refused' }, ...span(1, 10)]
        expect([...(await writes.refused(rows)).keys()]).toEqual([0])
      })
      await frozen.ended
    } finally {
      await frozen.thaw()
    }
  })

  it('fences the former of two owners, also when its message is on its way', async () => {
    await withWrites(sink(), async first => {
      await first.write(span(0, 5))
      await withWrites(sink(), async second => {
        expect(second.covered).toEqual([[0, 5]])
        await expect(first.write(span(5, 10), 5)).rejects.toBeInstanceOf(FencedError)
        await second.write(span(5, 10), 5)
      })
    })
    expect(await ids()).toEqual(span(0, 10).map(({ id }) => id))
  })

  it('forgets ids of single sources after their time', async () => {
    const cover = (writes: SinkWrites, id: string) => [{ source: 'test', partition: '0', epoch: writes.epoch!, positions: [id], gaps: [] }]
    const write = (writes: SinkWrites, id: string) =>
      writes.session.write({ records: [], failures: [], covers: cover(writes, id) }, new AbortController().signal)
    await withWrites(sink(), async writes => {
      await write(writes, 'a')
      await write(writes, 'b')
      await query(place.connection, `update millrace_seen set at = now() - interval '8 days' where id = 'a'`)
    })
    await withWrites(sink(), async writes => {
      await expect(write(writes, 'b')).rejects.toBeInstanceOf(CoveredError)
      await write(writes, 'a')
    })
  })

  it('takes strange names as they are', async () => {
    await withWrites(sink(), async ({ session }) => {
      const names = [`it's`, 'back\\slash', '"quoted"', 'ünïcode 😀', '$rows', 'a/b.csv; drop table events']
      for (const name of names) {
        const { epoch } = await session.takeOver!(name, name, name)
        const covers = [{ source: name, partition: name, epoch, positions: [[0, 1]] as const, gaps: [] }]
        await session.write({ records: [], failures: [], covers }, new AbortController().signal)
        expect((await session.takeOver!(name, name, name)).covered).toEqual([[0, 1]])
      }
    })
  })
})

/** Writes again as the run does, while the error is one to wait for. */
async function writtenAgain(writes: SinkWrites, rows: readonly unknown[], from: number): Promise<unknown> {
  for (let tries = 0; ; tries++) {
    try {
      await writes.write(rows, from)
      return 'written'
    } catch (error) {
      if (!isRetryable(error) || tries === 200) return error
    }
  }
}

/** A client that holds the key of a row in the middle of a COPY and says nothing more: what the server sees of a process under SIGSTOP. */
class FrozenOwner {
  isEnded = false
  private constructor(
    private readonly client: pg.Client,
    readonly ended: Promise<void>,
  ) {}

  static async start(connectionString: string, owner: string | null, id: number): Promise<FrozenOwner> {
    const client = new pg.Client({ connectionString, application_name: owner === null ? 'psql' : `millrace/${owner}` })
    let end = () => {}
    const frozen = new FrozenOwner(client, new Promise(resolve => (end = resolve)))
    client.on('error', () => {})
    client.on('end', () => {
      frozen.isEnded = true
      end()
    })
    await client.connect()
    // pg's own query would answer the server's question for rows: the text goes past it.
    const { connection } = client as unknown as { connection: NodeJS.EventEmitter & { query(sql: string): void } }
    connection.removeAllListeners('copyInResponse')
    connection.removeAllListeners('commandComplete')
    connection.removeAllListeners('errorMessage')
    const isCopying = once(connection, 'copyInResponse')
    connection.query(`insert into events values (${id}, 'frozen'); copy events from stdin`)
    await isCopying
    return frozen
  }

  async thaw(): Promise<void> {
    await this.client.end().catch(() => {})
  }
}
