import { postgres } from 'millrace'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { describePostgres, query } from '../harness/database.js'
import type { ProxiedMessage } from '../harness/postgres-proxy.js'
import { until } from '../harness/servers/server.js'
import { ordersPipeline } from './orders/pipeline.js'
import { transactionSteps } from './orders/transactions.js'
import { OrderFiles, OrdersProgram, OrdersWorld } from './orders/world.js'

/** A COPY keeps up to 1,000 rows to itself before it puts them into the table; where there is a trigger, none: then their keys are taken at once. */
const rowByRow = `create function as_it_is() returns trigger language plpgsql as 'begin return new; end';
  create trigger as_it_is before insert on lines for each row execute function as_it_is()`

/** Rows on their way (`d`) or at their end (`c`) that take keys: many of them, and by COPY into the table itself. */
function rowsInto(letter: 'd' | 'c'): (message: ProxiedMessage) => boolean {
  const copying = new Set<number>()
  const full = new Set<number>()
  return ({ from, type, text, bytes, connection }) => {
    if (from !== 'client') return false
    if (type === 'Q') {
      full.delete(connection)
      if (text.startsWith('copy "lines"')) copying.add(connection)
      else copying.delete(connection)
    }
    if (type === 'd' && copying.has(connection) && bytes.length > 600) full.add(connection)
    return type === letter && full.has(connection)
  }
}

function committed(): (message: ProxiedMessage) => boolean {
  const stepOf = transactionSteps()
  return message => stepOf(message) === 'committed'
}

/** How many transactions have written something, and not ended. */
async function open({ connection }: OrdersWorld): Promise<number> {
  const written = `backend_xid is not null and datname = current_database()`
  const [row] = await query<{ n: number }>(connection, `select count(*)::int n from pg_stat_activity where ${written}`)
  return row!.n
}

const ATTEMPTS = 5

/** Whether a transaction has written something, now or within a moment. */
async function hasOpen(world: OrdersWorld): Promise<boolean> {
  try {
    await until(2_000, async () => expect(await open(world)).toBeGreaterThan(0))
    return true
  } catch {
    return false
  }
}

describePostgres('an owner that is frozen', () => {
  let files: OrderFiles
  let program: OrdersProgram

  beforeAll(async () => {
    program = await OrdersProgram.build()
    files = await OrderFiles.write(1_200)
  })
  afterAll(async () => {
    await program.remove()
    await files.remove()
  })

  /** Freezes the first owner at the first such message, lets a second one run to the end, and thaws the first. */
  async function frozen(isAt: () => (message: ProxiedMessage) => boolean, verdict: 'half' | 'hold', holdsKeys: boolean): Promise<void> {
    for (let attempt = 1; attempt <= ATTEMPTS; attempt++) if (await frozenOnce(isAt(), verdict, holdsKeys)) return
    throw new Error(`in ${ATTEMPTS} attempts the owner was never frozen with keys in its hands`)
  }

  /** False where the batch at hand had lost its keys already, by a refused row: how records fall into batches is a matter of time. */
  async function frozenOnce(isAt: (message: ProxiedMessage) => boolean, verdict: 'half' | 'hold', holdsKeys: boolean): Promise<boolean> {
    const world = await OrdersWorld.open(files, true)
    await query(world.connection, rowByRow)
    const first = program.start({ connection: world.proxy.address, root: files.root, mode: 'run', isMended: false, isKeyed: true })
    try {
      let isFrozen = false
      await new Promise<void>(resolve => {
        world.proxy.decide = message => {
          if (isFrozen) return 'hold'
          if (!isAt(message)) return 'pass'
          isFrozen = true
          first.kill('SIGSTOP')
          resolve()
          return verdict
        }
      })
      if (holdsKeys && !(await hasOpen(world))) return false
      const database = postgres({ connection: world.connection })
      try {
        await ordersPipeline(database, { root: files.root, isMended: false, isKeyed: true, reached: () => {} }).start().finished
      } finally {
        await database.close()
      }
      await world.check(false)
      // Else its transaction would keep its keys for as long as it is frozen.
      // A backend that is told to end takes a moment to roll back.
      await until(10_000, async () => expect(await open(world)).toBe(0))
      // What was held goes on its way now, and what the first owner sends after it: none of it may count.
      world.proxy.decide = () => 'pass'
      world.proxy.release()
      first.kill('SIGCONT')
      const { code, output } = await first.ended
      expect({ code, output }).toMatchObject({ code: 1, output: expect.stringContaining('MILL_PARTITION_FENCED') })
      await until(10_000, async () => {
        const [row] = await query<{ n: number }>(
          world.connection,
          `select count(*)::int n from pg_stat_activity where datname = current_database() and backend_type = 'client backend'`,
        )
        expect(row!.n).toBe(1)
      })
      await world.check(false)
      return true
    } finally {
      first.kill('SIGKILL')
      first.kill('SIGCONT')
      await first.ended
      await world.close()
    }
  }

  it(
    'in the middle of a COPY, is pushed aside by its successor and writes nothing when it thaws',
    () => frozen(() => rowsInto('d'), 'half', true),
    60_000,
  )
  it(
    'with all rows of a batch sent, is pushed aside by its successor and writes nothing when it thaws',
    () => frozen(() => rowsInto('c'), 'hold', true),
    60_000,
  )
  it('with a transaction that is committed, leaves it to its successor', () => frozen(committed, 'hold', false), 60_000)
})
