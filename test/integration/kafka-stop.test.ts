import { definePipeline, kafkaSource, type Sink, transform } from 'millrace'
import { expect, it } from 'vitest'
import { describeKafka, withKafka } from '../harness/kafka.js'
import { reached, textsIntoMemory } from '../harness/kafka-numbers.js'

const STOP_TIMEOUT_MS = 1_500
/** Leaving the group is bounded by 2 s more, and is mostly a round trip. */
const LEAVE_MS = 2_500

describeKafka('a run on kafkaSource whose sink answers no more', () => {
  const kafka = withKafka()

  it('stops within its time, leaves the group, and commits nothing that is not written', async () => {
    const topic = await kafka.createTopic(2)
    const groupId = kafka.name('group')
    await kafka.produce(
      topic,
      Array.from({ length: 100 }, (_, i) => ({ partition: i % 2, value: `${i}` })),
    )
    let writes = 0
    // Heeds no signal: as a database whose network has gone.
    const sink: Sink<string> = {
      name: 'silent',
      open: async () => ({
        write: () => {
          writes++
          return new Promise(() => {})
        },
      }),
    }
    const run = definePipeline({
      name: 'silent',
      source: kafkaSource({ brokers: kafka.brokers, topics: [topic], groupId, sessionTimeoutMs: 30_000 }),
      steps: records => records.pipe(transform((value: Uint8Array | null) => `${Buffer.from(value!)}`)),
      sink,
      onFailure: 'halt',
      limits: { stopTimeoutMs: STOP_TIMEOUT_MS },
    }).start()
    await reached(() => writes > 0)
    const begun = performance.now()
    await expect(run.stop()).rejects.toMatchObject({ code: 'MILL_STOP_TIMEOUT' })
    expect(performance.now() - begun).toBeLessThan(STOP_TIMEOUT_MS + LEAVE_MS)
    expect(await kafka.committed(groupId, topic)).toEqual([null, null])

    // It has left: the next member waits for no session of 30 s.
    const again = textsIntoMemory(kafka, { topics: [topic], groupId })
    const next = again.pipeline.start()
    await reached(() => again.sink.rows.length >= 100, 10_000)
    await next.stop()
    expect(again.sink.rows.map(Number).sort((a, b) => a - b)).toEqual(Array.from({ length: 100 }, (_, i) => i))
  })
})
