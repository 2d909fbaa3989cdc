import { afterAll, beforeAll, expect, it } from 'vitest'
import { describeKafka, withKafka } from '../harness/kafka.js'
import { chosenSeed, seededRandom } from '../harness/random.js'
import { MAX_IN_FLIGHT } from './kafka/task.js'
import { inKafkaWorld, MemberProgram } from './kafka/world.js'

const CHANGES = process.env['MILLRACE_LONG'] ? 100 : 20
const seed = chosenSeed()

describeKafka(`a consumer group whose members come and go (MILLRACE_SEED=${seed})`, () => {
  const kafka = withKafka()
  let program: MemberProgram
  beforeAll(async () => {
    program = await MemberProgram.build()
  })
  afterAll(() => program.remove())

  const changed = (ledger: boolean) =>
    inKafkaWorld({ program, kafka, ledger, maxConcurrentWrites: 1 }, async world => {
      const random = seededRandom(seed)
      world.join()
      for (let change = 0; change < CHANGES; change++) {
        await world.progress(100 + Math.floor(random() * 800))
        const { present } = world
        const leaves = present.length > 1 && (present.length === 4 || random() < 0.5)
        if (leaves) await present[Math.floor(random() * present.length)]!.leave()
        else world.join()
      }
      await world.settle()
      await world.leave()
      const again = await world.check()
      await world.checkOrder()
      // What gives partitions away writes and commits first: at most a window's worth comes again, mostly nothing.
      expect(again).toBeLessThanOrEqual(CHANGES * MAX_IN_FLIGHT)
    })

  it(
    `with the ledger keeps the order of each key in the rows, loses nothing and doubles nothing over ${CHANGES} joins and leaves`,
    () => changed(true),
    60_000 + CHANGES * 12_000,
  )
  it(
    `without the ledger keeps the order of each key for each owner, and loses nothing over ${CHANGES} joins and leaves`,
    () => changed(false),
    60_000 + CHANGES * 12_000,
  )
})
