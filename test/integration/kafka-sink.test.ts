import { definePipeline, type KafkaSinkOptions, kafkaSink, memoryQuarantine, memorySource, silentLog } from 'millrace'
import { sinkBehaviours, testRecords } from 'millrace/testing'
import { expect, it } from 'vitest'
import { describeKafka, describeOwnKafka, withKafka } from '../harness/kafka.js'
import { KafkaTools } from '../harness/kafka-tools.js'
import { LocalKafka } from '../harness/servers/local-kafka.js'

const open = <T>(options: KafkaSinkOptions<T>) => kafkaSink(options).open({ pipeline: 'p', log: silentLog, quarantine: 'halt' })
const never = new AbortController().signal

/** The n-th row of the behaviours, and one above the limit of their topics. */
const row = (n: number) => ({ n })
const bad = (n: number) => ({ n, filler: 'x'.repeat(20_000) })

function worldOn(kafka: KafkaTools, topic: string, options: Partial<KafkaSinkOptions<{ n: number }>> = {}) {
  return {
    sink: () => kafkaSink<{ n: number }>({ brokers: kafka.brokers, topic, requestTimeoutMs: 3_000, ...options }),
    rows: async () => (await kafka.read(topic)).map(({ value }) => JSON.parse(`${value}`) as { n: number }),
  }
}

describeKafka('kafkaSink does what a sink must', () => {
  const kafka = withKafka()
  const prepare = async () => worldOn(kafka, await kafka.createTopic(3), { maxMessageBytes: 10_000 })
  for (const { name, run } of sinkBehaviours({ prepare, row, bad, timeoutMs: 30_000 })) it(name, run)
})

describeKafka('kafkaSink does what a sink must where only the broker knows what is too large', () => {
  const kafka = withKafka()
  const prepare = async () => {
    // Kafka's limit is for what goes to one partition at a time: three thousand rows of the suite need 40 kB.
    return worldOn(kafka, await kafka.createTopic(1, { 'max.message.bytes': '10000' }))
  }
  const about = sinkBehaviours({ prepare, row, bad, timeoutMs: 30_000 })
  for (const { name, run } of about) it(name, run)
})

describeOwnKafka('kafkaSink on a broker that goes away', () => {
  it('throws what is retryable while it is away, and writes when it is back', async () => {
    const server = await LocalKafka.create()
    try {
      const kafka = new KafkaTools(server.address)
      const prepare = async () => ({
        ...worldOn(kafka, await kafka.createTopic(2)),
        away: async () => {
          await server.kill()
          return () => server.start()
        },
      })
      const behaviours = sinkBehaviours({ prepare, row, goesAway: true, timeoutMs: 30_000 })
      await behaviours.find(({ name }) => name.includes('is away'))!.run()
    } finally {
      await server.stop()
    }
  })
})

// The partitions of four that follow from the hashes in Kafka's own test of murmur2 (UtilsTest.testMurmur2).
const javaSays = new Map([
  ['21', 0],
  ['foobar', 2],
  ['a-little-bit-long-string', 0],
  ['a-little-bit-longer-string', 3],
  ['lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8', 1],
])
const keys = [...javaSays.keys()]

describeKafka('kafkaSink', () => {
  const kafka = withKafka()

  it('gives keys, headers with repeats, tombstones and bytes as they were', async () => {
    const topic = await kafka.createTopic(2)
    const session = await open<Uint8Array | null>({ brokers: kafka.brokers, topic })
    const { records } = testRecords<Uint8Array | null>([Uint8Array.of(0, 255, 1), null, new Uint8Array(0)], {
      key: (_, n) => (n === 2 ? null : Uint8Array.of(7, 255)),
      headers: () => [['a', Uint8Array.of(255)], ['b', 'x'], ['a', ''], ['__proto__', 'p']], // biome-ignore format: pairs
    })
    await session.write({ records, failures: [], covers: [] }, never)
    await session.close!()
    const read = await kafka.read(topic)
    const kept = read.filter(({ key }) => key !== null)
    expect(kept.map(({ key, value }) => [key, value])).toEqual([
      [Buffer.from([7, 255]), Buffer.from([0, 255, 1])],
      [Buffer.from([7, 255]), null],
    ])
    expect(read.find(({ key }) => key === null)!.value).toEqual(Buffer.alloc(0))
    expect(kept[0]!.headers['a']).toEqual([Buffer.from([255]), Buffer.alloc(0)])
    expect(kept[0]!.headers['b']).toEqual(Buffer.from('x'))
  })

  it('sends a key where Java sends it, keeps a partition, and keeps the order within a key', async () => {
    const topic = await kafka.createTopic(4)
    const hashed = await open<number>({ brokers: kafka.brokers, topic })
    const { records } = testRecords(
      Array.from({ length: 500 }, (_, n) => n),
      { key: n => keys[n % 5]! },
    )
    await hashed.write({ records, failures: [], covers: [] }, never)
    await hashed.close!()
    for (const [key, partition] of javaSays) {
      const of = (await kafka.read(topic)).filter(record => `${record.key}` === key)
      expect(of.map(record => record.partition)).toEqual(of.map(() => partition))
      expect(of.map(({ value }) => Number(`${value}`))).toEqual(Array.from({ length: 100 }, (_, i) => keys.indexOf(key) + 5 * i))
    }
    const kept = await kafka.createTopic(4)
    const session = await open<number>({ brokers: kafka.brokers, topic: kept, partition: 'keep' })
    await session.write({ records: testRecords([1], { partition: `${topic}/3` }).records, failures: [], covers: [] }, never)
    await session.close!()
    expect(await kafka.read(kept)).toMatchObject([{ partition: 3 }])
  })

  it.each(['gzip', 'snappy', 'lz4', 'zstd'] as const)('compresses by %s', async compression => {
    const topic = await kafka.createTopic()
    const session = await open<{ n: number }>({ brokers: kafka.brokers, topic, compression })
    await session.write({ records: testRecords([{ n: 1 }, { n: 2 }]).records, failures: [], covers: [] }, never)
    await session.close!()
    // Read by the same client, which has the codecs once the sink was opened.
    expect((await kafka.read(topic)).map(({ value }) => `${value}`)).toEqual(['{"n":1}', '{"n":2}'])
  })

  it('names a topic that is not there before anything is read', async () => {
    const topic = kafka.name('nowhere')
    const source = memorySource([1])
    const run = definePipeline({
      name: 'p',
      source,
      steps: records => records,
      sink: kafkaSink({ brokers: kafka.brokers, topic }),
      onFailure: 'halt',
    }).start()
    await expect(run.finished).rejects.toMatchObject({ code: 'MILL_TOPIC_UNKNOWN', message: expect.stringContaining(topic) })
    expect(source.committed.size).toBe(0)
  })

  it('quarantines in a run what is too large or for a topic that is not there, and produces the rest', async () => {
    const topic = await kafka.createTopic(1, { 'max.message.bytes': '5000' })
    const quarantine = memoryQuarantine()
    const values = Array.from({ length: 3_000 }, (_, n) => ({ n, filler: n % 1_000 === 500 ? 'x'.repeat(6_000) : '' }))
    const sink = kafkaSink<{ n: number }>({ brokers: kafka.brokers, topic: ({ n }) => (n === 7 ? kafka.name('nowhere') : topic) })
    const { delivered, quarantined, reasons } = await definePipeline({
      name: 'p',
      source: memorySource(values),
      steps: records => records,
      sink,
      onFailure: quarantine,
    }).start().finished
    expect([delivered, quarantined, reasons]).toEqual([2_996, 4, { MILL_MESSAGE_TOO_LARGE: 3, MILL_TOPIC_UNKNOWN: 1 }])
    const read = (await kafka.read(topic)).map(({ value }) => (JSON.parse(`${value}`) as { n: number }).n)
    expect(read).toEqual(values.map(({ n }) => n).filter(n => n !== 7 && n % 1_000 !== 500))
  })
})
