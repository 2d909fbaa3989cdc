import { setTimeout as pause } from 'node:timers/promises'
import type { Logger } from 'millrace'
import { expect, it } from 'vitest'
import { describeKafka, withKafka } from '../harness/kafka.js'
import { reached, textsIntoMemory } from '../harness/kafka-numbers.js'

const isLong = Boolean(process.env['MILLRACE_LONG'])
const SESSION_MS = isLong ? 6_000 : 2_000
const IDLE_MS = isLong ? 60_000 : 3 * SESSION_MS
/** Of one processor, in the whole of this process. The bench (kafka.idle) holds it to 1 %; here others run beside it. */
const MOST_CPU = isLong ? 0.02 : 0.06

describeKafka('a member of a consumer group to which nothing comes', () => {
  const kafka = withKafka()

  it(
    `stays in the group over ${IDLE_MS / SESSION_MS} sessions, takes next to no processor, and reads on`,
    async () => {
      const topic = await kafka.createTopic(4)
      const said: string[] = []
      const say = (message: string) => void said.push(message)
      const log: Logger = { debug: () => {}, info: say, warn: say, error: say }
      const { sink, pipeline } = textsIntoMemory(kafka, { topics: [topic], groupId: kafka.name('group'), sessionTimeoutMs: SESSION_MS })
      const run = pipeline.start({ log })
      await reached(() => run.snapshot().lag.size === 4)
      // Joining, and what the compiler still does afterwards.
      await pause(2_000)
      const before = process.cpuUsage()
      const begun = performance.now()
      const joined = said.length
      // There is nothing to wait for but time.
      await pause(IDLE_MS)
      const { user, system } = process.cpuUsage(before)
      expect((user + system) / 1_000 / (performance.now() - begun)).toBeLessThan(MOST_CPU)
      expect(said.slice(joined)).toEqual([])
      await kafka.produce(topic, [{ value: 'at last' }])
      await reached(() => sink.rows.length === 1)
      await run.stop()
    },
    60_000 + IDLE_MS,
  )
})
