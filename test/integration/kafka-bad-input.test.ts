import { definePipeline, kafkaSource, memoryQuarantine, memorySink, postgres, postgresSink, table, transform } from 'millrace'
import { describe, expect, it } from 'vitest'
import { silentLog } from '../../src/core/log.js'
import { openKafka } from '../../src/drivers/kafka/open-kafka.js'
import { query, withDatabase } from '../harness/database.js'
import { describeKafka, withKafka } from '../harness/kafka.js'
import { reached, textsIntoMemory } from '../harness/kafka-numbers.js'

/** What a run of kafkaSource says of what is wrong with its cluster, its group or its records. */
describeKafka('kafkaSource names cause and fix', () => {
  const kafka = withKafka()
  const database = withDatabase()
  const ended = (source: Parameters<typeof textsIntoMemory>[1], limits = {}) =>
    textsIntoMemory(kafka, source, limits).pipeline.start().finished

  it('of an address where nothing listens, once it may wait no longer', async () => {
    const pipeline = definePipeline({
      name: 'nowhere',
      source: kafkaSource({ brokers: ['127.0.0.1:1'], topics: ['t'], groupId: 'g' }),
      steps: records => records,
      sink: memorySink<Uint8Array | null>(),
      onFailure: 'halt',
      limits: { startTimeoutMs: 8_000 },
    })
    const error = await pipeline.start().finished.then(undefined, of => of)
    expect(textOf(error)).toMatch(/127\.0\.0\.1:1 cannot be reached.*ECONNREFUSED.*check brokers/s)
  })

  it('of a topic that is not there', async () => {
    const topic = kafka.name('missing')
    await expect(ended({ topics: [topic], groupId: kafka.name('group') })).rejects.toMatchObject({
      code: 'MILL_TOPIC_UNKNOWN',
      message: expect.stringContaining(topic),
    })
  })

  it('of a group id that is in use by another protocol', async () => {
    const topic = await kafka.createTopic()
    const groupId = kafka.name('group')
    const member = kafka.client().consumer({
      groupId,
      partitionAssigners: [
        () => ({
          name: 'of-another-program',
          version: 1,
          assign: async () => [],
          protocol: () => ({ name: 'of-another-program', metadata: Buffer.alloc(0) }),
        }),
      ],
    })
    await member.connect()
    try {
      await member.subscribe({ topics: [topic] })
      await member.run({ eachMessage: async () => {} })
      await expect(ended({ topics: [topic], groupId })).rejects.toMatchObject({
        code: 'MILL_KAFKA_REFUSED',
        message: expect.stringMatching(new RegExp(`${groupId} is in use by members of another protocol.*take another groupId`)),
      })
    } finally {
      await member.disconnect()
    }
  })

  it("of a session timeout outside of the broker's bounds", async () => {
    const topic = await kafka.createTopic()
    await expect(ended({ topics: [topic], groupId: kafka.name('group'), sessionTimeoutMs: 4_000_000 })).rejects.toMatchObject({
      code: 'MILL_KAFKA_REFUSED',
      message: expect.stringMatching(/sessionTimeoutMs.*group\.max\.session\.timeout\.ms/),
    })
  })

  it('of a group that stands beyond the end of its partition', async () => {
    const topic = await kafka.createTopic()
    const groupId = kafka.name('group')
    await kafka.produce(topic, [{ value: 'a' }])
    await kafka.commit(groupId, topic, 0, 5)
    await expect(ended({ topics: [topic], groupId })).rejects.toMatchObject({
      code: 'MILL_OFFSET_OUT_OF_RANGE',
      details: { topic, partition: 0, offset: 5, end: 1 },
    })
  })

  it('of a record over the limits, which goes to quarantine alone, however small a fetch may be', async () => {
    const topic = await kafka.createTopic(1, { 'max.message.bytes': '4000000' })
    const large = Buffer.alloc(300_000, 'x')
    await kafka.produce(topic, [{ value: 'a' }])
    await kafka.produce(topic, [{ value: large }])
    await kafka.produce(topic, [{ value: 'b' }])
    const sink = memorySink<string>()
    const quarantine = memoryQuarantine()
    const groupId = kafka.name('group')
    const run = definePipeline({
      name: 'large',
      source: kafkaSource({ brokers: kafka.brokers, topics: [topic], groupId, maxBytesPerPartition: 10_000 }),
      steps: records => records.pipe(transform((value: Uint8Array | null) => `${Buffer.from(value!)}`)),
      sink,
      onFailure: quarantine,
      limits: { maxRecordBytes: 100_000 },
    }).start()
    await reached(() => run.snapshot().delivered === 2 && run.snapshot().quarantined === 1)
    await run.stop()
    expect(sink.rows).toEqual(['a', 'b'])
    expect(quarantine.entries).toMatchObject([
      { error: { code: 'MILL_RECORD_TOO_LARGE' }, origin: { partition: `${topic}/0`, position: 1 }, rawBytes: large.length },
    ])
    expect(await kafka.committed(groupId, topic)).toEqual([3])
  })

  it('of a record that fails where nothing keeps it: the run ends, and it comes again', async () => {
    const topic = await kafka.createTopic()
    const groupId = kafka.name('group')
    await kafka.produce(
      topic,
      ['a', 'bad', 'c'].map(value => ({ value })),
    )
    const pipelineOf = (isMended: boolean) => {
      const sink = memorySink<string>()
      const pipeline = definePipeline({
        name: 'halting',
        source: kafkaSource({ brokers: kafka.brokers, topics: [topic], groupId }),
        steps: records =>
          records.pipe(
            transform((value: Uint8Array | null) => {
              const text = `${Buffer.from(value!)}`
              if (text === 'bad' && !isMended) throw new Error('not to be had')
              return text
            }),
          ),
        sink,
        onFailure: 'halt',
      })
      return { sink, run: pipeline.start() }
    }
    const failing = pipelineOf(false)
    const error = await failing.run.finished.then(undefined, of => of)
    expect(textOf(error)).toMatch(new RegExp(`${topic}/0.*1.*not to be had`, 's'))
    expect((await kafka.committed(groupId, topic))[0] ?? 0).toBeLessThanOrEqual(1)
    const mended = pipelineOf(true)
    await reached(() => mended.sink.rows.includes('c'))
    await mended.run.stop()
    expect([...new Set([...failing.sink.rows, ...mended.sink.rows])].sort()).toEqual(['a', 'bad', 'c'])
    expect(await kafka.committed(groupId, topic)).toEqual([3])
  })

  describe('with a ledger', () => {
    const pipelineOf = (topic: string, groupId: string) =>
      definePipeline({
        name: `ledger of ${topic}`,
        source: kafkaSource({ brokers: kafka.brokers, topics: [topic], groupId }),
        steps: records => records.pipe(transform((value: Uint8Array | null) => ({ text: `${Buffer.from(value!)}` }))),
        sink: postgresSink(
          postgres({ connection: database.connection }),
          table('texts', c => ({ text: c.text() }), { create: true }),
          {
            mode: 'append',
            ledger: true,
          },
        ),
        onFailure: 'halt',
      })
    const readAll = async (topic: string, groupId: string, count: number) => {
      const run = pipelineOf(topic, groupId).start()
      await reached(() => run.snapshot().delivered >= count)
      await run.stop()
    }

    it('of two groups under the name of one pipeline', async () => {
      const topic = await kafka.createTopic()
      const groupId = kafka.name('group')
      await kafka.produce(topic, [{ value: 'a' }])
      await readAll(topic, groupId, 1)
      const other = kafka.name('group')
      await expect(pipelineOf(topic, other).start().finished).rejects.toMatchObject({
        code: 'MILL_LEDGER_SHARED',
        message: expect.stringMatching(new RegExp(`${groupId}.*${other}`)),
      })
    })

    it('of a topic that was made anew', async () => {
      const topic = await kafka.createTopic()
      const groupId = kafka.name('group')
      await kafka.produce(
        topic,
        ['made', 'before', 'it'].map(value => ({ value })),
      )
      await readAll(topic, groupId, 3)
      await kafka.deleteTopic(topic)
      await reached(async () => !(await kafka.asAdmin(admin => admin.listTopics())).includes(topic))
      await kafka.createTopic(1, {}, topic)
      await kafka.produce(topic, [{ value: 'anew' }])
      await expect(pipelineOf(topic, groupId).start().finished).rejects.toMatchObject({ code: 'MILL_LEDGER_AHEAD' })
      expect(await query(database.connection, `select text from texts where text = 'anew'`)).toEqual([])
    })
  })

  it('of a clock that is too far from the cluster to write by', async () => {
    const topic = await kafka.createTopic(1, { 'message.timestamp.after.max.ms': '3600000' })
    const driver = openKafka({ brokers: kafka.brokers, clientId: 'millrace-tests', connectTimeoutMs: 5_000 }, silentLog)
    const producer = await driver.openProducer({ compression: 'none', requestTimeoutMs: 5_000 })
    const ahead = { topic, key: null, value: Buffer.from('x'), headers: [], timestamp: Date.now() + 86_400_000 }
    try {
      await expect(producer.send([ahead])).rejects.toMatchObject({
        code: 'MILL_KAFKA_REFUSED',
        retryable: false,
        message: expect.stringMatching(/clock of this machine.*set the clocks right.*message\.timestamp/),
      })
    } finally {
      await producer.close()
    }
  })
})

/** The messages of an error and its causes. */
function textOf(error: unknown): string {
  const texts: string[] = []
  for (let at = error; at instanceof Error; at = at.cause) texts.push(at.message)
  return texts.join('\n')
}
