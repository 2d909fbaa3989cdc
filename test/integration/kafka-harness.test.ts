import { spawnSync } from 'node:child_process'
import { expect, it } from 'vitest'
import { describeKafka, describeOwnKafka, withKafka } from '../harness/kafka.js'
import { compacted, KafkaTools } from '../harness/kafka-tools.js'
import { LocalKafka } from '../harness/servers/local-kafka.js'

const values = (records: readonly { readonly value: Buffer | null }[]) => records.map(({ value }) => value?.toString() ?? null)

describeKafka('withKafka', () => {
  const kafka = withKafka()

  it('reads back what was produced: keys, values, headers, tombstones, partitions', async () => {
    const topic = await kafka.createTopic(2)
    await kafka.produce(topic, [
      { partition: 1, key: 'a', value: 'one', headers: { h: ['1', '2'] } },
      { partition: 0, key: 'b', value: null },
    ])
    const [tombstone, one] = await kafka.read(topic)
    expect(tombstone).toMatchObject({ partition: 0, offset: 0, key: Buffer.from('b'), value: null })
    expect(one).toMatchObject({ partition: 1, offset: 0, key: Buffer.from('a'), value: Buffer.from('one') })
    expect(one?.headers).toEqual({ h: [Buffer.from('1'), Buffer.from('2')] })
  })

  it('writes transactions, whose control records are gaps', async () => {
    const topic = await kafka.createTopic()
    await kafka.produceTransaction(topic, [{ value: 'kept' }])
    await kafka.produceTransaction(topic, [{ value: 'lost' }], 'abort')
    expect(await kafka.bounds(topic)).toEqual([{ partition: 0, low: 0, high: 4 }])
    expect(values(await kafka.read(topic))).toEqual(['kept'])
  })

  it('removes records by deletion and by compaction', async () => {
    const topic = await kafka.createTopic()
    await kafka.produce(topic, [{ value: 'a' }, { value: 'b' }, { value: 'c' }])
    await kafka.deleteRecords(topic, 0, 2)
    expect(await kafka.bounds(topic)).toEqual([{ partition: 0, low: 2, high: 3 }])
    expect(values(await kafka.read(topic))).toEqual(['c'])

    const compact = await kafka.createTopic(1, compacted)
    await kafka.produce(
      compact,
      ['1', '2', '3'].map(value => ({ key: 'same', value })),
    )
    await kafka.compact(compact, 1)
    expect((await kafka.read(compact))[0]).toMatchObject({ offset: 2, key: Buffer.from('same'), value: Buffer.from('3') })
  })

  it('shows and sets what a group has committed', async () => {
    const topic = await kafka.createTopic(2)
    const group = kafka.name('group')
    await kafka.commit(group, topic, 1, 5)
    expect(await kafka.committed(group, topic)).toEqual([null, 5])
  })
})

describeOwnKafka('LocalKafka', () => {
  it('keeps its records over a crash and a restart, and leaves nothing behind', async () => {
    const server = await LocalKafka.create()
    try {
      const kafka = new KafkaTools(server.address)
      const topic = await kafka.createTopic()
      await kafka.produce(topic, [{ value: 'before' }])
      await server.kill()
      await server.start()
      expect(values(await kafka.read(topic))).toEqual(['before'])
      await kafka.produce(topic, [{ value: 'between' }])
      await server.restart()
      expect(values(await kafka.read(topic))).toEqual(['before', 'between'])
    } finally {
      const { pid } = server
      await server.stop()
      expect(spawnSync('kill', ['-0', `${pid}`]).status).not.toBe(0)
    }
  })
})
