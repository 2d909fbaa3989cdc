import { expect, it } from 'vitest'
import { describeKafka, withKafka } from '../harness/kafka.js'
import { reached, textsIntoMemory } from '../harness/kafka-numbers.js'

describeKafka('kafkaSource with an expression for its topics', () => {
  const kafka = withKafka()

  it('reads all topics that it matches, and one made later from the next start on, from its beginning', async () => {
    const prefix = kafka.name('orders')
    const make = (name: string) => kafka.createTopic(2, {}, `${prefix}.${name}`)
    const send = async (topic: string, ...values: string[]) =>
      void (await kafka.produce(
        topic,
        values.map(value => ({ key: value, value })),
      ))
    const [eu, us, other] = [await make('eu'), await make('us'), await kafka.createTopic(1, {}, `not-${prefix}.eu`)]
    await send(eu, 'eu 1', 'eu 2')
    await send(us, 'us 1')
    await send(other, 'other')
    const source = { topics: new RegExp(`^${prefix}\\.`), groupId: kafka.name('group') }

    const first = textsIntoMemory(kafka, source)
    const run = first.pipeline.start()
    await reached(() => first.sink.rows.length >= 3)
    const asia = await make('asia')
    await send(asia, 'asia 1')
    await send(us, 'us 2')
    await reached(() => first.sink.rows.length >= 4)
    await run.stop()
    expect([...first.sink.rows].sort()).toEqual(['eu 1', 'eu 2', 'us 1', 'us 2'])

    const second = textsIntoMemory(kafka, source)
    const again = second.pipeline.start()
    await reached(() => second.sink.rows.length >= 1)
    await send(eu, 'eu 3')
    await reached(() => second.sink.rows.length >= 2)
    expect(again.snapshot().lag.size).toBe(6)
    await again.stop()
    expect([...second.sink.rows].sort()).toEqual(['asia 1', 'eu 3'])
  })

  it('reads what was added to a topic: partitions made later come with the next start, too', async () => {
    const topic = await kafka.createTopic(1)
    const source = { topics: [topic], groupId: kafka.name('group') }
    await kafka.produce(topic, [{ partition: 0, value: 'a' }])
    const first = textsIntoMemory(kafka, source)
    const run = first.pipeline.start()
    await reached(() => first.sink.rows.length >= 1)
    await run.stop()
    await kafka.createPartitions(topic, 3)
    await kafka.produce(
      topic,
      [0, 1, 2].map(partition => ({ partition, value: `b${partition}` })),
    )
    const second = textsIntoMemory(kafka, source)
    const again = second.pipeline.start()
    await reached(() => second.sink.rows.length >= 3)
    await again.stop()
    expect([...second.sink.rows].sort()).toEqual(['b0', 'b1', 'b2'])
    expect(await kafka.committed(source.groupId, topic)).toEqual([2, 1, 1])
  })

  it('says that it matches nothing, and what there is', async () => {
    const topic = await kafka.createTopic()
    const missing = kafka.name('missing')
    const { pipeline } = textsIntoMemory(kafka, { topics: new RegExp(`^${missing}$`), groupId: kafka.name('group') })
    await expect(pipeline.start().finished).rejects.toMatchObject({
      code: 'MILL_TOPIC_UNKNOWN',
      message: expect.stringMatching(new RegExp(`${missing}.*(${topic}|and \\d+ more)`)),
    })
  })
})
