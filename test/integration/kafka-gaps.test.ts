import { expect, it } from 'vitest'
import { describeKafka, withKafka } from '../harness/kafka.js'
import { reached, textsIntoMemory } from '../harness/kafka-numbers.js'
import { compacted } from '../harness/kafka-tools.js'

describeKafka('kafkaSource where offsets have no records', () => {
  const kafka = withKafka()
  /** So little that each fetch gives one batch. */
  const oneBatch = { maxBytesPerPartition: 64 }

  async function readTo(end: number, topic: string) {
    const groupId = kafka.name('group')
    const { sink, pipeline } = textsIntoMemory(kafka, { topics: [topic], groupId, ...oneBatch })
    const run = pipeline.start()
    try {
      await reached(async () => (await kafka.committed(groupId, topic))[0] === end)
      expect([...run.snapshot().lag.values()]).toEqual([0])
    } finally {
      await run.stop()
    }
    return [...sink.rows]
  }

  it('passes transactions, aborted ones among them and last, one batch a fetch', async () => {
    const topic = await kafka.createTopic()
    const kept: string[] = []
    for (let i = 0; i < 12; i++) {
      const values = Array.from({ length: 1 + (i % 3) }, (_, n) => `${i}.${n}`)
      const outcome = i % 3 === 2 ? 'abort' : 'commit'
      await kafka.produceTransaction(
        topic,
        values.map(value => ({ partition: 0, value })),
        outcome,
      )
      if (outcome === 'commit') kept.push(...values)
    }
    const { high } = (await kafka.bounds(topic))[0]!
    expect(await readTo(high, topic)).toEqual(kept)
  })

  it('passes what compaction removed, within batches and whole ones, one batch a fetch', async () => {
    const topic = await kafka.createTopic(1, compacted)
    await kafka.asProducer(async producer => {
      for (let batch = 0; batch < 30; batch++) {
        const messages = Array.from({ length: 20 }, (_, i) => ({
          partition: 0,
          key: `${i % 3 === 0 ? i : 'same'}`,
          value: `${batch}.${i}`,
        }))
        await producer.send({ topic, messages, acks: -1 })
      }
    })
    await kafka.compact(topic, 8)
    const left = (await kafka.read(topic)).map(({ value }) => `${value ?? ''}`)
    const { high } = (await kafka.bounds(topic))[0]!
    const rows = await readTo(high, topic)
    // Compaction goes on meanwhile, so some of it may be gone by now; nothing else may be missing, and nothing comes twice.
    expect(rows.filter(row => !left.includes(row))).toEqual([])
    expect(rows.filter(row => row !== '')).toEqual([...new Set(left.filter(row => row !== ''))])
  })
})
