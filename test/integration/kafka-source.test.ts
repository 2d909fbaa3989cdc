import { definePipeline, kafkaSource, memorySink, postgres, postgresQuarantine, postgresSink, table, transform } from 'millrace'
import { type SourceRecord, sourceBehaviours } from 'millrace/testing'
import { describe, expect, it } from 'vitest'
import { query, withDatabase } from '../harness/database.js'
import { describeKafka, withKafka } from '../harness/kafka.js'
import type { KafkaTools } from '../harness/kafka-tools.js'
import { until } from '../harness/servers/server.js'

/** `count` messages over the partitions, numbered on from `from`. */
async function numbered(kafka: KafkaTools, topic: string, count: number, partitions: number, from = 0): Promise<void> {
  const messages = Array.from({ length: count }, (_, i) => ({ partition: (from + i) % partitions, key: `${i % 7}`, value: `${from + i}` }))
  await kafka.asProducer(async producer => {
    for (let at = 0; at < messages.length; at += 1_000) await producer.send({ topic, messages: messages.slice(at, at + 1_000), acks: -1 })
  })
}

const numbers = (from: number, to: number) => Array.from({ length: to - from }, (_, i) => from + i)
const sorted = (rows: readonly { readonly n: number }[]) => rows.map(({ n }) => n).sort((a, b) => a - b)
const toRow = (value: Uint8Array | null) => ({ n: Number(Buffer.from(value!).toString()) })
const reached = (isSo: () => boolean | Promise<boolean>) =>
  until(30_000, async () => {
    if (!(await isSo())) throw new Error('not yet')
  })

describeKafka('kafkaSource does what a source must', () => {
  const kafka = withKafka()
  const options = {
    async prepare(records: readonly SourceRecord<Uint8Array | null>[]) {
      const topic = await kafka.createTopic(3)
      const groupId = kafka.name('group')
      const add = async (more: readonly SourceRecord<Uint8Array | null>[]) => {
        const messages = more.map(({ value, key, partition }) => ({ partition, key, value: value === null ? null : Buffer.from(value) }))
        if (messages.length > 0) await kafka.produce(topic, messages)
      }
      await add(records)
      return { source: () => kafkaSource({ brokers: kafka.brokers, topics: [topic], groupId }), add }
    },
    value: (n: number) => Uint8Array.of(0, 255, n >> 8, n & 255),
    partitions: 3,
    keys: true,
    endless: true,
    timeoutMs: 20_000,
  }
  // A partition of which the ledger knows nothing begins where the group stands: a pipeline gets its ledger without reading all anew.
  const behaviours = sourceBehaviours(options).filter(({ name }) => name !== 'with a ledger forgets its own commits')
  for (const { name, run } of behaviours) it(name, run, 60_000)
})

describeKafka('kafkaSource', () => {
  const kafka = withKafka()
  const database = withDatabase()

  const memory = (topic: string, groupId: string) => {
    const sink = memorySink<{ n: number }>()
    const pipeline = definePipeline({
      name: 'numbers',
      source: kafkaSource({ brokers: kafka.brokers, topics: [topic], groupId }),
      steps: records => records.pipe(transform(toRow)),
      sink,
      onFailure: 'halt',
    })
    return { sink, pipeline }
  }

  it('reads 10,000 records of 4 partitions into memory, and commits behind the last', async () => {
    const topic = await kafka.createTopic(4)
    const groupId = kafka.name('group')
    await numbered(kafka, topic, 10_000, 4)
    const { sink, pipeline } = memory(topic, groupId)
    const run = pipeline.start()
    await reached(() => sink.rows.length >= 10_000)
    expect([...run.snapshot().lag].sort()).toEqual(numbers(0, 4).map(i => [`kafka ${topic}/${i}`, 0]))
    await run.stop()
    expect(sorted(sink.rows)).toEqual(numbers(0, 10_000))
    expect(await kafka.committed(groupId, topic)).toEqual([2_500, 2_500, 2_500, 2_500])
    const again = memory(topic, groupId)
    const second = again.pipeline.start()
    await numbered(kafka, topic, 8, 4, 10_000)
    await reached(() => again.sink.rows.length >= 8)
    await second.stop()
    expect(sorted(again.sink.rows)).toEqual(numbers(10_000, 10_008))
  }, 60_000)

  it('into Postgres with a ledger: nothing lost and nothing twice over stops and aborts', async () => {
    const topic = await kafka.createTopic(4)
    const groupId = kafka.name('group')
    const rows = table('numbers', c => ({ n: c.integer() }))
    const pipeline = () => {
      const server = postgres({ connection: database.connection })
      return definePipeline({
        name: 'numbers-ledger',
        source: kafkaSource({ brokers: kafka.brokers, topics: [topic], groupId, sessionTimeoutMs: 6_000 }),
        steps: records => records.pipe(transform(toRow)),
        sink: postgresSink(server, rows, { mode: 'append', ledger: true, batch: { maxRecords: 500 } }),
        onFailure: postgresQuarantine(server),
      })
    }
    await query(database.connection, 'create table numbers (n integer not null)')
    const inTable = async () => Number((await query<{ count: string }>(database.connection, 'select count(*) from numbers'))[0]!.count)
    await numbered(kafka, topic, 10_000, 4)
    const first = pipeline().start()
    await reached(async () => first.snapshot().delivered > 2_000)
    await first.abort()
    const second = pipeline().start()
    await reached(async () => (await inTable()) >= 10_000)
    await second.stop()
    await numbered(kafka, topic, 2_000, 4, 10_000)
    const third = pipeline().start()
    await reached(async () => (await inTable()) >= 12_000)
    await third.stop()
    expect(sorted(await query<{ n: number }>(database.connection, 'select n from numbers'))).toEqual(numbers(0, 12_000))
    expect(await kafka.committed(groupId, topic)).toEqual([3_000, 3_000, 3_000, 3_000])
  }, 90_000)

  it('a second member takes its share, and gives it back: nothing is lost', async () => {
    const topic = await kafka.createTopic(4)
    const groupId = kafka.name('group')
    await numbered(kafka, topic, 2_000, 4)
    const one = memory(topic, groupId)
    const two = memory(topic, groupId)
    const first = one.pipeline.start()
    await reached(() => one.sink.rows.length >= 2_000)
    const second = two.pipeline.start()
    await reached(() => second.snapshot().lag.size === 2 && first.snapshot().lag.size === 2)
    const [ofFirst, ofSecond] = [first, second].map(run => run.snapshot().sources!['kafka']!)
    expect([...ofFirst!.assignment![topic]!, ...ofSecond!.assignment![topic]!].sort()).toEqual([0, 1, 2, 3])
    expect(ofFirst).toMatchObject({ rebalances: 1, member: expect.stringMatching(/^millrace-/), committedAt: expect.any(Number) })
    expect(ofFirst!.commits).toBeGreaterThan(0)
    expect(ofSecond!.member).not.toBe(ofFirst!.member)
    await numbered(kafka, topic, 2_000, 4, 2_000)
    await reached(() => one.sink.rows.length + two.sink.rows.length >= 4_000)
    await second.stop()
    await numbered(kafka, topic, 2_000, 4, 4_000)
    await reached(() => one.sink.rows.length + two.sink.rows.length >= 6_000)
    await first.stop()
    expect(sorted([...one.sink.rows, ...two.sink.rows])).toEqual(numbers(0, 6_000))
    expect(two.sink.rows.length).toBeGreaterThan(0)
  }, 60_000)

  it('stops at once, whatever the batch waits for', async () => {
    const topic = await kafka.createTopic(2)
    const groupId = kafka.name('group')
    await numbered(kafka, topic, 100, 2)
    const sink = memorySink<{ n: number }>()
    const pipeline = definePipeline({
      name: 'numbers-slow',
      source: kafkaSource({ brokers: kafka.brokers, topics: [topic], groupId }),
      steps: records => records.pipe(transform(toRow)),
      sink: { ...sink, batch: { maxRecords: 5_000, maxWaitMs: 900_000 } },
      onFailure: 'halt',
    })
    const run = pipeline.start()
    await reached(() => run.snapshot().lag.size === 2 && [...run.snapshot().lag.values()].every(lag => lag === 0))
    const before = Date.now()
    await run.stop()
    expect(Date.now() - before).toBeLessThan(2_500)
    expect(await kafka.committed(groupId, topic)).toEqual([50, 50])
  }, 60_000)

  it('passes aborted transactions and control records, and is behind by nothing at the end', async () => {
    const topic = await kafka.createTopic(1)
    const groupId = kafka.name('group')
    const { sink, pipeline } = memory(topic, groupId)
    const run = pipeline.start()
    for (let i = 0; i < 4; i++) {
      await kafka.produceTransaction(topic, [{ partition: 0, value: `${i}` }], i % 2 === 0 ? 'commit' : 'abort')
    }
    const [bounds] = await kafka.bounds(topic)
    await reached(async () => (await kafka.committed(groupId, topic))[0] === bounds!.high)
    await run.stop()
    expect(sorted(sink.rows)).toEqual([0, 2])
  }, 60_000)

  describe('where records were removed before they were read', () => {
    it('fails, or says so and goes on', async () => {
      const topic = await kafka.createTopic(1)
      const groupId = kafka.name('group')
      await numbered(kafka, topic, 10, 1)
      await kafka.commit(groupId, topic, 0, 2)
      await kafka.deleteRecords(topic, 0, 6)
      const failing = memory(topic, groupId).pipeline.start()
      await expect(failing.finished).rejects.toMatchObject({ code: 'MILL_OFFSETS_REMOVED', details: { from: 2, to: 5 } })
      const sink = memorySink<{ n: number }>()
      const run = definePipeline({
        name: 'numbers',
        source: kafkaSource({ brokers: kafka.brokers, topics: [topic], groupId, onRemoved: 'continue' }),
        steps: records => records.pipe(transform(toRow)),
        sink,
        onFailure: 'halt',
      }).start()
      await reached(() => sink.rows.length >= 4)
      await run.stop()
      expect(sorted(sink.rows)).toEqual([6, 7, 8, 9])
    }, 60_000)
  })
})
