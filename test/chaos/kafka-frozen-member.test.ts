import { afterAll, beforeAll, expect, it } from 'vitest'
import { describeKafka, withKafka } from '../harness/kafka.js'
import { PostgresProxy, type ProxiedMessage } from '../harness/postgres-proxy.js'
import { until } from '../harness/servers/server.js'
import type { Member } from './kafka/member.js'
import { inKafkaWorld, MemberProgram } from './kafka/world.js'

/** Longer than the session of a member. */
const PAST_SESSION_MS = 7_000
const TIMES = process.env['MILLRACE_LONG'] ? 10 : 1

/** What the database answers to a transaction under an old epoch: the ledger's statement divides by zero. */
const isFenced = ({ from, type, text }: ProxiedMessage): boolean => from === 'server' && type === 'E' && text.includes('22012')

const timesFenced = (log: string): number => log.split('taken a partition over in the ledger').length - 1

describeKafka('a member of a consumer group that is frozen past its session', () => {
  const kafka = withKafka()
  let program: MemberProgram
  beforeAll(async () => {
    program = await MemberProgram.build()
  })
  afterAll(() => program.remove())

  /** Freezes one of two members while it writes, until the other has written on, and lets both run to the end. */
  const frozen = (verdict: 'half' | 'hold', letter: 'd' | 'c') =>
    inKafkaWorld({ program, kafka }, async world => {
      const proxy = await PostgresProxy.start(world.connection)
      try {
        const member = world.join(proxy.address)
        world.join()
        for (let time = 0; time < TIMES; time++) {
          await world.owners(2)
          await world.progress(500)
          await frozenAt(proxy, member, { verdict, letter })
          await world.owners(1)
          await world.progress(1_000)
          let fenced = 0
          proxy.decide = message => {
            if (isFenced(message)) fenced++
            return 'pass'
          }
          const said = timesFenced(member.log)
          proxy.release()
          member.thaw()
          // A batch with a row that the server refuses fails by that row first; the ledger is read then, and the member says what it found.
          await until(30_000, () => expect(fenced > 0 || timesFenced(member.log) > said).toBe(true))
          // It joins again.
          await world.owners(2)
        }
        await world.settle()
        await world.leave()
        await world.check()
      } finally {
        await world.close()
        await proxy.close()
      }
    })

  it(
    'in the middle of its rows, is refused by the database when it is woken, joins again, and doubles nothing',
    () => frozen('half', 'd'),
    TIMES * 120_000,
  )
  it(
    'with all rows of a batch sent, is refused by the database when it is woken, joins again, and doubles nothing',
    () => frozen('hold', 'c'),
    TIMES * 120_000,
  )

  it(
    'without the ledger writes some again when it is woken, joins again, and loses nothing',
    () =>
      inKafkaWorld({ program, kafka, ledger: false }, async world => {
        const proxy = await PostgresProxy.start(world.connection)
        try {
          const member = world.join(proxy.address)
          world.join()
          for (let time = 0; time < TIMES; time++) {
            await world.until(() => expect(member.last.inFlight).toBeGreaterThan(0))
            await world.progress(500)
            await frozenAt(proxy, member, { verdict: 'half', letter: 'd' })
            // All but what the frozen member holds goes on: its partitions too, once its session is over.
            await world.progress(1_000)
            await new Promise(resolve => setTimeout(resolve, PAST_SESSION_MS))
            await world.progress(1_000)
            proxy.decide = () => 'pass'
            proxy.release()
            member.thaw()
            await world.progress(1_000)
          }
          await world.settle()
          await world.leave()
          await world.check()
        } finally {
          await world.close()
          await proxy.close()
        }
      }),
    TIMES * 120_000,
  )
})

/** Freezes the member at its next message of this kind, and nothing passes the proxy any more. */
function frozenAt(proxy: PostgresProxy, member: Member, at: { readonly verdict: 'half' | 'hold'; readonly letter: string }): Promise<void> {
  return new Promise(resolve => {
    let isFrozen = false
    proxy.decide = ({ from, type }) => {
      if (isFrozen) return 'hold'
      if (from !== 'client' || type !== at.letter) return 'pass'
      isFrozen = true
      member.freeze()
      resolve()
      return at.verdict
    }
  })
}
