import { afterAll, beforeAll, expect, test } from 'vitest'
import type { FaultKind } from '../../src/core/inspection.js'
import type { KafkaConnection } from '../../src/drivers/kafka/driver.js'
import {
  definePipeline,
  kafkaQuarantine,
  kafkaSink,
  kafkaSource,
  memorySink,
  memorySource,
  type Quarantine,
  type Sink,
  type Source,
} from '../../src/index.js'
import { diagnosisOf, faultsOf } from '../harness/faults-of.js'
import { describeOwnKafka } from '../harness/kafka.js'
import { compacted, KafkaTools } from '../harness/kafka-tools.js'
import { SecureKafka } from '../harness/servers/secure-kafka.js'

/** A pipeline of one part of Kafka; the others are in memory. */
function pipelineOf(parts: { source?: Source<never>; sink?: Sink<never>; onFailure?: Quarantine }) {
  const { source = memorySource([Buffer.from('x')]) as never, sink = memorySink() as never, onFailure = 'halt' } = parts
  return definePipeline({ name: 'doctor', source, steps: records => records, sink: sink as never, onFailure })
}

describeOwnKafka('doctor on Kafka', () => {
  let secure: SecureKafka
  let kafka: KafkaTools
  let alice: KafkaConnection
  let bob: KafkaConnection
  let topic: string

  beforeAll(async () => {
    secure = await SecureKafka.create()
    kafka = new KafkaTools(secure.server.address)
    alice = secure.saslPlaintext('plain')
    bob = secure.saslPlaintext('plain', 'bob', 's3cr3t-of-bob')
    topic = await kafka.createTopic(2)
    await kafka.produce(topic, [{ value: 'a', partition: 0 }])
    await kafka.allow('User:alice', { topic }, ['READ', 'WRITE', 'DESCRIBE'])
    await kafka.allow('User:alice', { group: 'healthy' }, ['READ'])
  })
  afterAll(() => secure?.stop())

  const reading = (connection: KafkaConnection, more: { topics?: string[] | RegExp; groupId?: string; onRemoved?: 'continue' } = {}) =>
    pipelineOf({ source: kafkaSource({ ...connection, topics: [topic], groupId: 'healthy', ...more }) as never })
  const writing = (connection: KafkaConnection, to = topic, more: { maxMessageBytes?: number } = {}) =>
    pipelineOf({ sink: kafkaSink({ ...connection, topic: to, ...more }) as never })

  async function finds(pipeline: object, what: RegExp | string, kind: FaultKind | undefined): Promise<void> {
    const faults = await faultsOf(pipeline)
    expect(faults.map(finding => finding.what)).toEqual([typeof what === 'string' ? what : expect.stringMatching(what)])
    expect(faults[0]).toMatchObject({ fix: expect.stringMatching(/\w/), cause: expect.stringMatching(/\w/) })
    expect(faults[0]!.kind).toBe(kind)
    expect(JSON.stringify(faults)).not.toMatch(/s3cr3t-of|wrong-secret/)
  }

  test('finds a broker that is away', () => finds(reading({ brokers: ['localhost:1'] }), 'Kafka localhost:1 is away', 'unavailable'))

  test('finds a wrong password', () =>
    finds(reading(secure.saslPlaintext('plain', 'alice', 'wrong-secret')), /^Kafka .* does not take the credentials$/, 'not-allowed'))

  test('finds TLS that is not trusted', () => finds(reading({ ...secure.ssl(), ssl: true }), /^Kafka .* refuses the connection$/, 'config'))

  test('finds a topic that is missing, of a source and of a sink', async () => {
    const connection = { brokers: kafka.brokers }
    await finds(reading(connection, { topics: ['no-such-topic'] }), 'there is no topic no-such-topic', 'config')
    await finds(reading(connection, { topics: /^no-such/ }), 'no topic matches /^no-such/', 'config')
    await finds(writing(connection, 'no-such-topic'), 'there is no topic no-such-topic', 'config')
  })

  test('finds that a topic may not be seen, read or written', async () => {
    await kafka.allow('User:bob', { group: 'healthy' }, ['READ'])
    await finds(reading(bob), `topic ${topic} cannot be looked at`, 'not-allowed')
    const seen = await kafka.createTopic()
    await kafka.allow('User:bob', { topic: seen }, ['DESCRIBE'])
    await finds(reading(bob, { topics: [seen] }), `topic ${seen} may not be read`, 'not-allowed')
    await finds(writing(bob, seen), `topic ${seen} may not be written`, 'not-allowed')
  })

  test('finds that a group may not be joined', () =>
    finds(reading(alice, { groupId: 'forbidden' }), 'consumer group forbidden may not be joined', 'not-allowed'))

  test('finds a group with members of another kind', async () => {
    const groupId = kafka.name('group')
    const consumer = kafka.client().consumer({
      groupId,
      partitionAssigners: [
        ({ cluster }) => ({
          name: 'own-way',
          version: 1,
          assign: async ({ members }) => {
            void cluster
            return members.map(({ memberId }) => ({ memberId, memberAssignment: Buffer.alloc(0) }))
          },
          protocol: () => ({ name: 'own-way', metadata: Buffer.from([0, 1, 0, 0, 0, 0, 0, 0, 0, 0]) }),
        }),
      ],
    })
    await consumer.connect()
    await consumer.subscribe({ topic })
    const joined = new Promise(resolve => consumer.on(consumer.events.GROUP_JOIN, resolve))
    await consumer.run({ eachMessage: async () => {} })
    try {
      await joined
      await finds(reading({ brokers: kafka.brokers }, { groupId }), `consumer group ${groupId} has 1 members of another kind`, 'config')
    } finally {
      await consumer.disconnect()
    }
  })

  test('finds a group that stands before the beginning, and one behind the end', async () => {
    const connection = { brokers: kafka.brokers }
    const removed = await kafka.createTopic()
    await kafka.produce(removed, [{ value: 'a' }, { value: 'b' }, { value: 'c' }])
    const groupId = kafka.name('group')
    await kafka.commit(groupId, removed, 0, 1)
    await kafka.deleteRecords(removed, 0, 2)
    const before = `group ${groupId} stands before the beginning of topic ${removed}, partition 0`
    await finds(reading(connection, { groupId, topics: [removed] }), before, undefined)
    const { findings } = await diagnosisOf(reading(connection, { groupId, topics: [removed], onRemoved: 'continue' }))
    expect(findings.filter(({ level }) => level !== 'ok')).toMatchObject([{ level: 'warning', what: before }])
    await kafka.commit(groupId, removed, 0, 99)
    const behind = `group ${groupId} stands behind the end of topic ${removed}, partition 0`
    await finds(reading(connection, { groupId, topics: [removed] }), behind, undefined)
  })

  test('warns of records from the future, and of messages that a topic does not take', async () => {
    const connection = { brokers: kafka.brokers }
    const small = await kafka.createTopic(1, { 'max.message.bytes': '2000' })
    await kafka.produce(small, [{ value: 'x', timestamp: `${Date.now() + 60_000}` }])
    const warned = async (pipeline: object) => (await diagnosisOf(pipeline)).findings.filter(({ level }) => level !== 'ok')
    expect(await warned(reading(connection, { topics: [small] }))).toMatchObject([
      { level: 'warning', what: expect.stringMatching(/^the newest record of topic .* is \d+\.\d s in the future$/) },
    ])
    expect(await warned(writing(connection, small))).toMatchObject([
      { level: 'warning', what: `topic ${small} takes messages of 2000 bytes, maxMessageBytes is 1048588` },
    ])
    expect(await warned(writing(connection, small, { maxMessageBytes: 1_000 }))).toEqual([])
  })

  test('looks at a quarantine on a topic', async () => {
    const connection = { brokers: kafka.brokers }
    const on = (name: string, create = false) => pipelineOf({ onFailure: kafkaQuarantine({ ...connection, topic: name, create }) })
    await finds(on('no-quarantine'), 'there is no topic no-quarantine for the quarantine', 'config')
    expect(await faultsOf(on('no-quarantine', true))).toEqual([])
    const { findings } = await diagnosisOf(on(topic))
    expect(findings.filter(({ level }) => level === 'warning').map(({ what }) => what)).toEqual([
      `topic ${topic} of the quarantine is not compacted`,
      `topic ${topic} of the quarantine takes only messages of 1048588 bytes`,
    ])
    const good = await kafka.createTopic(1, { ...compacted, 'max.message.bytes': `${4 * 1024 * 1024}` })
    expect((await diagnosisOf(on(good))).findings.filter(({ level }) => level !== 'ok')).toEqual([])
  })

  test('finds nothing wrong in a healthy set-up, and changes nothing', async () => {
    const before = [await kafka.bounds(topic), await kafka.committed('healthy', topic)]
    for (const pipeline of [reading(alice), writing(alice)]) {
      const { findings } = await diagnosisOf(pipeline)
      expect(findings.filter(({ level }) => level !== 'ok')).toEqual([])
      expect(findings.map(({ what }) => what)).toContainEqual(expect.stringMatching(/^Kafka .* answers in \d+ ms, one broker$/))
    }
    expect([await kafka.bounds(topic), await kafka.committed('healthy', topic)]).toEqual(before)
    const { groups } = await kafka.asAdmin(admin => admin.describeGroups(['healthy']))
    expect(groups[0]!.members).toEqual([])
  })
})
