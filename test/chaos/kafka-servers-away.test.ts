import { afterAll, beforeAll, expect, it } from 'vitest'
import { describeOwnPostgres } from '../harness/database.js'
import { describeOwnKafka } from '../harness/kafka.js'
import { KafkaTools } from '../harness/kafka-tools.js'
import { LocalKafka } from '../harness/servers/local-kafka.js'
import { LocalPostgres } from '../harness/servers/local-postgres.js'
import { MAX_IN_FLIGHT } from './kafka/task.js'
import { inKafkaWorld, MemberProgram } from './kafka/world.js'

const TIMES = process.env['MILLRACE_LONG'] ? 20 : 1
/** What a worker may take above what it took before its servers went away. */
const MORE_MEMORY = 128 * 1024 * 1024

describeOwnPostgres('members of a consumer group whose servers go away under load', () => {
  describeOwnKafka('and come back', () => {
    let program: MemberProgram
    let broker: LocalKafka
    let postgres: LocalPostgres
    beforeAll(async () => {
      program = await MemberProgram.build()
      broker = await LocalKafka.create()
      postgres = await LocalPostgres.create()
    })
    afterAll(async () => {
      await program.remove()
      await broker.stop()
      await postgres.stop()
    })

    it.each([
      ['with the ledger double nothing', true],
      ['without the ledger write some again', false],
    ])(
      'wait for broker and Postgres, go on by themselves, hold no more than their bounds, lose nothing, and %s',
      (_, ledger) =>
        inKafkaWorld({ program, kafka: new KafkaTools(broker.address), postgres: postgres.address, ledger }, async world => {
          const members = [world.join(), world.join()]
          await world.progress(2_000)
          const before = members.map(member => member.most.rss)
          for (let time = 0; time < TIMES; time++) {
            await broker.restart('SIGKILL')
            await world.progress(1_000)
            // The records of this while wait in the topic: with the window full, nothing more is read.
            await postgres.halt(time % 2 === 0 ? 'SIGQUIT' : 'SIGINT')
            await world.produced(2 * MAX_IN_FLIGHT + 4_000)
            await postgres.start()
            await world.progress(6_000)
            await Promise.all([broker.restart('SIGKILL'), postgres.halt('SIGINT').then(() => postgres.start())])
            await world.progress(1_000)
          }
          await world.settle()
          // None of them was started anew.
          expect(world.present).toEqual(members)
          for (const [i, member] of members.entries()) {
            // Full, while the database was away, and no more than that.
            expect(member.most.inFlight).toBe(MAX_IN_FLIGHT)
            expect(member.most.rss).toBeLessThan(before[i]! + MORE_MEMORY)
          }
          await world.leave()
          await world.check()
        }),
      60_000 + TIMES * 90_000,
    )
  })
})
