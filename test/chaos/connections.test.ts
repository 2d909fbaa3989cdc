import { isMillraceError, type PipelineRun, postgres } from 'millrace'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { describeOwnPostgres, describePostgres } from '../harness/database.js'
import { chosenSeed, seededRandom } from '../harness/random.js'
import { LocalPostgres } from '../harness/servers/local-postgres.js'
import { ordersPipeline } from './orders/pipeline.js'
import { transactionSteps } from './orders/transactions.js'
import { OrderFiles, OrdersWorld } from './orders/world.js'

const times = process.env['MILLRACE_LONG'] ? 20 : 1
const seed = chosenSeed()

let files: OrderFiles
beforeAll(async () => {
  files = await OrderFiles.write()
})
afterAll(() => files.remove())

/** Gives `use` a world, and a pipeline that reaches its database through its proxy. */
async function inWorld(
  isKeyed: boolean,
  use: (world: OrdersWorld, start: () => PipelineRun) => Promise<void>,
  server?: string,
): Promise<void> {
  const world = await OrdersWorld.open(files, isKeyed, server)
  const database = postgres({ connection: world.proxy.address })
  try {
    await use(world, () => ordersPipeline(database, { root: files.root, isMended: false, isKeyed, reached: () => {} }).start())
    await world.check(false)
  } finally {
    await database.close()
    await world.close()
  }
}

describePostgres(`a pipeline whose connections break (MILLRACE_SEED=${seed})`, () => {
  it(
    'loses nothing and doubles nothing over 100 crashes',
    async () => {
      const random = seededRandom(seed)
      for (let crashes = 0; crashes < 100 * times; ) {
        await inWorld(false, async ({ proxy }, start) => {
          const before = crashes
          let left = 40
          for (let isOver = false; !isOver; ) {
            const run = start()
            proxy.decide = () => {
              if (crashes === 100 * times || --left > 0) return 'pass'
              left = 1 + Math.floor(random() * 120)
              crashes++
              proxy.cut()
              // One crash in four takes the run with it.
              if (random() < 0.25) void run.abort().catch(() => {})
              return 'cut'
            }
            isOver = await run.finished.then(
              () => true,
              error => {
                if (!isMillraceError(error, 'MILL_RUN_ABORTED')) throw error
                return false
              },
            )
          }
          expect(crashes).toBeGreaterThan(before)
        })
      }
    },
    120_000 * times,
  )

  it.each([
    ['with a key', true],
    ['without a key', false],
  ])(
    'loses nothing and doubles nothing when replies to commits are lost, %s',
    async (_, isKeyed) => {
      const random = seededRandom(seed)
      await inWorld(isKeyed, async ({ proxy }, start) => {
        const stepOf = transactionSteps()
        let lost = 0
        proxy.decide = message => {
          if (stepOf(message) !== 'committed' || lost === 40 * times || random() < 0.6) return 'pass'
          lost++
          return 'cut'
        }
        await start().finished
        expect(lost).toBeGreaterThan(20)
      })
    },
    120_000,
  )
})

describeOwnPostgres('a Postgres that restarts under load', () => {
  const restarts = ['SIGINT', 'SIGQUIT', 'SIGINT', 'SIGQUIT'] as const

  it('is waited for, and nothing is lost or doubled', async () => {
    const server = await LocalPostgres.create()
    try {
      await inWorld(
        true,
        async ({ proxy }, start) => {
          const stepOf = transactionSteps()
          let commits = 0
          let restarted = 0
          let restarting = Promise.resolve()
          proxy.decide = message => {
            if (stepOf(message) === 'committed' && ++commits % 15 === 0 && restarted < restarts.length) {
              const signal = restarts[restarted++]!
              restarting = restarting.then(() => server.halt(signal)).then(() => server.start())
            }
            return 'pass'
          }
          await start().finished
          await restarting
          expect(restarted).toBe(restarts.length)
        },
        server.address,
      )
    } finally {
      await server.stop()
    }
  }, 120_000)
})
