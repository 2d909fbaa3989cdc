import { afterAll, beforeAll, expect, it } from 'vitest'
import { describeKafka, withKafka } from '../harness/kafka.js'
import { PostgresProxy } from '../harness/postgres-proxy.js'
import { chosenSeed, seededRandom } from '../harness/random.js'
import type { Member } from './kafka/member.js'
import { MAX_IN_FLIGHT, ownPoints } from './kafka/task.js'
import { inKafkaWorld, type KafkaWorld, MemberProgram } from './kafka/world.js'
import { stopAt } from './orders/killing.js'
import { proxyPoints } from './orders/task.js'

const TIMES = process.env['MILLRACE_LONG'] ? 10 : 1
const seed = chosenSeed()
/** How many wait for their moment at a time; one more stays throughout. */
const DOOMED_AT_ONCE = 3

type Doom = (typeof ownPoints)[number] | (typeof proxyPoints)[number]

/** How often a point may be come to before it kills: assignments and rebalances are few, records many. */
const mostTimes: Partial<Record<Doom, number>> = { assigned: 1, revoked: 1, handled: 300 }

describeKafka(`members of a consumer group under load, killed at each moment (MILLRACE_SEED=${seed})`, () => {
  const kafka = withKafka()
  let program: MemberProgram
  beforeAll(async () => {
    program = await MemberProgram.build()
  })
  afterAll(() => program.remove())

  /** Lets members join that are killed when they come to their points, and waits for the end of each. */
  async function killed(world: KafkaWorld, proxies: PostgresProxy[]): Promise<Map<Doom, number>> {
    const random = seededRandom(seed)
    const doomed = new Map<Member, Doom>()
    const kills = new Map<Doom, number>()
    const oneLess = async () => {
      const [member, { signal }] = await world.anyEnd([...doomed.keys()])
      const point = doomed.get(member)!
      doomed.delete(member)
      if (signal !== 'SIGKILL') throw new Error(`a member that was to be killed at '${point}' ended by itself: ${member.log}`)
      kills.set(point, (kills.get(point) ?? 0) + 1)
    }
    for (const point of rounds(random)) {
      if (doomed.size === DOOMED_AT_ONCE) await oneLess()
      const after = 1 + Math.floor(random() * (mostTimes[point] ?? 6))
      if (isOwn(point)) doomed.set(world.doom(world.connection, { point, after }), point)
      else {
        const proxy = await PostgresProxy.start(world.connection)
        proxies.push(proxy)
        const member = world.doom(proxy.address)
        doomed.set(member, point)
        proxy.decide = stopAt(point, after, () => member.kill())
      }
    }
    while (doomed.size > 0) await oneLess()
    return kills
  }

  /** A member drains when it holds what it has no room for: its database answers no more, until its window is full. Then another one joins. */
  async function killedDraining(world: KafkaWorld, proxies: PostgresProxy[]): Promise<void> {
    const proxy = await PostgresProxy.start(world.connection)
    proxies.push(proxy)
    const member = world.doom(proxy.address, { point: 'draining', after: 1 })
    proxy.decide = ({ from, type }) => (from === 'client' && type === 'd' ? 'hold' : 'pass')
    await world.until(() => expect(member.last.inFlight).toBe(MAX_IN_FLIGHT))
    world.join()
    const [, { signal }] = await world.anyEnd([member])
    expect(signal, member.log).toBe('SIGKILL')
  }

  const count = TIMES * (ownPoints.length + proxyPoints.length)
  it(
    `lose nothing and double nothing with the ledger, over ${count} kills`,
    () =>
      inKafkaWorld({ program, kafka }, async world => {
        const proxies: PostgresProxy[] = []
        try {
          world.join()
          const kills = await killed(world, proxies)
          expect(Object.fromEntries(kills)).toEqual(Object.fromEntries(ofLoad.map(point => [point, TIMES])))
          for (let time = 0; time < TIMES; time++) await killedDraining(world, proxies)
          await world.settle()
          await world.leave()
          await world.check()
        } finally {
          for (const proxy of proxies) await proxy.close()
        }
      }),
    60_000 + count * 15_000,
  )
})

const isOwn = (point: Doom): point is (typeof ownPoints)[number] => (ownPoints as readonly string[]).includes(point)

/** What comes by itself under load; a revoke by others' coming and going, so it stands first. */
const ofLoad: readonly Doom[] = [...ownPoints, ...proxyPoints].filter(point => point !== 'draining')

function rounds(random: () => number): Doom[] {
  const others = ofLoad.filter(point => point !== 'revoked')
  const round = () =>
    others
      .map(point => ({ point, at: random() }))
      .sort((a, b) => a.at - b.at)
      .map(({ point }) => point)
  return Array.from({ length: TIMES }, () => ['revoked' as const, ...round()]).flat()
}
