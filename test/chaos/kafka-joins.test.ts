import { afterAll, beforeAll, it } from 'vitest'
import { describeKafka, withKafka } from '../harness/kafka.js'
import { chosenSeed, seededRandom } from '../harness/random.js'
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

  it(
    `keeps the order of each key in the rows, loses nothing and doubles nothing over ${CHANGES} joins and leaves`,
    () =>
      inKafkaWorld({ program, kafka, maxConcurrentWrites: 1 }, async world => {
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
        await world.check()
        await world.checkOrder()
      }),
    60_000 + CHANGES * 12_000,
  )
})
