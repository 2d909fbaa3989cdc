import { postgres } from 'millrace'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { describePostgres, query } from '../harness/database.js'
import { until } from '../harness/servers/server.js'
import { ordersPipeline } from './orders/pipeline.js'
import { type Step, transactionSteps } from './orders/transactions.js'
import { OrderFiles, OrdersProgram, OrdersWorld } from './orders/world.js'

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

  /** Freezes the first owner at its `after`th step of this kind, lets a second one run to the end, and thaws the first. */
  async function frozen(step: Step, verdict: 'half' | 'hold', after: number): Promise<void> {
    const world = await OrdersWorld.open(files, true)
    const first = program.start({ connection: world.proxy.address, root: files.root, mode: 'run', isMended: false, isKeyed: true })
    try {
      const stepOf = transactionSteps()
      let times = 0
      await new Promise<void>(resolve => {
        world.proxy.decide = message => {
          if (times === after) return 'hold'
          if (stepOf(message) !== step || ++times < after) return 'pass'
          first.kill('SIGSTOP')
          resolve()
          return verdict
        }
      })
      const database = postgres({ connection: world.connection })
      try {
        await ordersPipeline(database, { root: files.root, isMended: false, isKeyed: true, reached: () => {} }).start().finished
      } finally {
        await database.close()
      }
      await world.check(false)
      // What was held goes on its way now, and what the first owner sends after it: none of it may count.
      world.proxy.decide = () => 'pass'
      world.proxy.release()
      first.kill('SIGCONT')
      const { code, output } = await first.ended
      expect({ code, output }).toMatchObject({ code: 1, output: expect.stringContaining('MILL_PARTITION_FENCED') })
      await until(10_000, async () => {
        const [row] = await query<{ n: number }>(
          world.connection,
          `select count(*)::int n from pg_stat_activity where datname = current_database()`,
        )
        expect(row!.n).toBe(1)
      })
      await world.check(false)
    } finally {
      first.kill('SIGKILL')
      first.kill('SIGCONT')
      await first.ended
      await world.close()
    }
  }

  it('in the middle of a COPY, is pushed aside by its successor and writes nothing when it thaws', () => frozen('rows', 'half', 3), 60_000)
  it(
    'with all rows of a batch sent, is pushed aside by its successor and writes nothing when it thaws',
    () => frozen('sent whole', 'hold', 4),
    60_000,
  )
  it('with a transaction that is committed, leaves it to its successor', () => frozen('committed', 'hold', 2), 60_000)
})
