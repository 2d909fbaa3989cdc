import { definePipeline, handle, kafkaSource, memorySink } from 'millrace'
import { tap } from 'rxjs'
import { describe, expect, it } from 'vitest'
import { describeKafka, withKafka } from '../harness/kafka.js'
import { reached, textsIntoMemory } from '../harness/kafka-numbers.js'

const DAY_MS = 86_400_000
/** Newer brokers refuse timestamps more than an hour ahead by themselves. */
const anyTimestamp = { 'message.timestamp.after.max.ms': `${Number.MAX_SAFE_INTEGER}` }

describeKafka('where kafkaSource begins', () => {
  const kafka = withKafka()

  /** Runs until `rows` are there and the group is not behind, then stops; gives the rows. */
  async function read(source: Parameters<typeof textsIntoMemory>[1], rows: number, produce: () => Promise<unknown> = async () => {}) {
    const { sink, pipeline } = textsIntoMemory(kafka, source)
    const run = pipeline.start()
    try {
      await reached(() => run.snapshot().lag.size > 0)
      await produce()
      await reached(() => sink.rows.length >= rows && [...run.snapshot().lag.values()].every(lag => lag === 0))
    } finally {
      await run.stop()
    }
    return [...sink.rows]
  }
  const texts = (...values: string[]) => values.map(value => ({ partition: 0, value }))

  it('at the first record that is left, by default', async () => {
    const topic = await kafka.createTopic()
    await kafka.produce(topic, texts('a', 'b', 'c'))
    await kafka.deleteRecords(topic, 0, 1)
    expect(await read({ topics: [topic], groupId: kafka.name('group') }, 2)).toEqual(['b', 'c'])
  })

  it("at 'latest': with what comes from then on; and where the group stands, once it stands anywhere", async () => {
    const topic = await kafka.createTopic()
    const source = { topics: [topic], groupId: kafka.name('group'), startAt: 'latest' } as const
    await kafka.produce(topic, texts('before'))
    // Nothing came in this run: what comes until the next one is read all the same.
    expect(await read(source, 0)).toEqual([])
    await kafka.produce(topic, texts('between'))
    expect(await read(source, 2, () => kafka.produce(topic, texts('after')))).toEqual(['between', 'after'])
    expect(await read({ ...source, startAt: 'earliest' }, 1, () => kafka.produce(topic, texts('last')))).toEqual(['last'])
  })

  it('at a Date: the first record at or after it, in each partition; the end where there is none', async () => {
    const topic = await kafka.createTopic(3)
    const at = (partition: number, timestamp: number) => ({ partition, value: `${partition}:${timestamp}`, timestamp: `${timestamp}` })
    await kafka.produce(topic, [at(0, 1_000), at(0, 2_000), at(0, 3_000), at(1, 1_500), at(1, 2_001), at(2, 1_999)])
    const source = { topics: [topic], groupId: kafka.name('group'), startAt: new Date(2_000) }
    const rows = await read(source, 4, () => kafka.produce(topic, [at(2, 1)]))
    expect(rows.sort()).toEqual(['0:2000', '0:3000', '1:2001', '2:1'])
    expect(await kafka.committed(source.groupId, topic)).toEqual([3, 2, 2])
  })

  describe('with clocks that are wrong', () => {
    const now = Date.now()
    const skewed = [
      { value: 'old', timestamp: `${now - 400 * DAY_MS}` },
      { value: 'ahead', timestamp: `${now + 30 * DAY_MS}` },
      { value: 'behind', timestamp: `${now - DAY_MS}` },
      { value: 'right', timestamp: `${now}` },
    ]

    it('begins at the first record whose own clock says so, and reads on by offset from there', async () => {
      const topic = await kafka.createTopic(1, anyTimestamp)
      await kafka.produce(topic, skewed)
      const groupId = kafka.name('group')
      expect(await read({ topics: [topic], groupId, startAt: new Date(now - 2 * DAY_MS) }, 3)).toEqual(['ahead', 'behind', 'right'])
      expect(await kafka.committed(groupId, topic)).toEqual([4])
    })

    it('counts lag in records and age from when a record was read', async () => {
      const topic = await kafka.createTopic(1, anyTimestamp)
      await kafka.produce(topic, skewed)
      let letGo!: () => void
      const held = new Promise<void>(resolve => {
        letGo = resolve
      })
      const sink = memorySink<number>()
      const timestamps: number[] = []
      const run = definePipeline({
        name: 'skewed',
        source: kafkaSource({ brokers: kafka.brokers, topics: [topic], groupId: kafka.name('group') }),
        steps: records =>
          records.pipe(
            tap(({ timestamp }) => timestamps.push(timestamp)),
            handle(
              async () => {
                await held
                return timestamps.length
              },
              { concurrency: 4, order: 'source' },
            ),
          ),
        sink,
        onFailure: 'halt',
      }).start()
      try {
        await reached(() => timestamps.length === 4)
        const { oldestUnsettledMs, lag } = run.snapshot()
        expect(oldestUnsettledMs).toBeGreaterThanOrEqual(0)
        expect(oldestUnsettledMs).toBeLessThan(60_000)
        expect([...lag.values()]).toEqual([0])
        expect(timestamps).toEqual(skewed.map(({ timestamp }) => Number(timestamp)))
      } finally {
        letGo()
        await run.stop()
      }
      expect(sink.rows).toHaveLength(4)
    })
  })
})
