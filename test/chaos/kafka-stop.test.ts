import { afterAll, beforeAll, expect, it } from 'vitest'
import { describeKafka, withKafka } from '../harness/kafka.js'
import { MAX_IN_FLIGHT } from './kafka/task.js'
import { inKafkaWorld, MemberProgram } from './kafka/world.js'

/** Besides a round trip to the broker. */
const STOP_MS = 2_000
/** So many that none of them fills a batch or the window. */
const RECORDS = MAX_IN_FLIGHT / 2

describeKafka('a process that is stopped while a batch timer of 15 minutes holds what it read', () => {
  const kafka = withKafka()
  let program: MemberProgram
  beforeAll(async () => {
    program = await MemberProgram.build()
  })
  afterAll(() => program.remove())

  it.each([true, false])('writes and commits all of it, and is gone within 2 s and a round trip (ledger: %s)', ledger =>
    inKafkaWorld({ program, kafka, ledger }, async world => {
      const member = world.join(world.connection, { isHolding: true })
      await world.produced(RECORDS)
      await world.calm()
      await world.until(() => expect(member.last.inFlight).toBeGreaterThan(RECORDS / 2))
      expect(await world.rows()).toBe(0)
      const roundTrip = await took(() => world.committed())
      expect(await took(() => member.leave())).toBeLessThan(STOP_MS + roundTrip)
      await world.check()
      const [ends, committed] = [await world.ends(), await world.committed()]
      expect(committed).toEqual(ends)
    }),
  )
})

async function took(work: () => Promise<unknown>): Promise<number> {
  const begun = performance.now()
  await work()
  return performance.now() - begun
}
