import { afterAll, beforeAll, expect, it } from 'vitest'
import { describeKafka, withKafka } from '../harness/kafka.js'
import { chosenSeed, seededRandom } from '../harness/random.js'
import { MAX_IN_FLIGHT, MAX_UNCOMMITTED } from './kafka/task.js'
import { inKafkaWorld, type KafkaWorld, MemberProgram } from './kafka/world.js'

const isLong = Boolean(process.env['MILLRACE_LONG'])
const seed = chosenSeed()

describeKafka(`three members of a consumer group under load, killed at random moments (MILLRACE_SEED=${seed})`, () => {
  const kafka = withKafka()
  let program: MemberProgram
  beforeAll(async () => {
    program = await MemberProgram.build()
  })
  afterAll(() => program.remove())

  /** Kills several within moments: their sessions of 6 s run out together, and their successors come into that. */
  async function killed(world: KafkaWorld, kills: number): Promise<void> {
    const random = seededRandom(seed)
    for (let member = 0; member < 3; member++) world.join()
    for (let left = kills; left > 0; ) {
      await world.progress(200 + Math.floor(random() * 1_500))
      const burst = Math.min(left, 2 + Math.floor(random() * 3))
      left -= burst
      for (let i = 0; i < burst; i++) {
        const victim = world.present[Math.floor(random() * 3)]!
        victim.kill()
        world.join()
        await new Promise(resolve => setTimeout(resolve, random() * 400))
      }
    }
    await world.settle()
    await world.leave()
    expect(world.members).toHaveLength(3 + kills)
    const again = await world.check()
    expect(again).toBeLessThanOrEqual(kills * (MAX_IN_FLIGHT + MAX_UNCOMMITTED))
  }

  const withLedger = isLong ? 200 : 20
  it(
    `lose nothing and double nothing with the ledger, over ${withLedger} kills`,
    () => inKafkaWorld({ program, kafka }, world => killed(world, withLedger)),
    60_000 + withLedger * 12_000,
  )

  const without = isLong ? 60 : 6
  it(
    `lose nothing without the ledger, over ${without} kills`,
    () => inKafkaWorld({ program, kafka, ledger: false }, world => killed(world, without)),
    60_000 + without * 12_000,
  )
})
