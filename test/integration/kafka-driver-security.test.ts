import { afterAll, beforeAll, expect, it } from 'vitest'
import { silentLog } from '../../src/core/log.js'
import type { Admin, GroupHandlers, KafkaConnection } from '../../src/drivers/kafka/driver.js'
import { openKafka } from '../../src/drivers/kafka/open-kafka.js'
import { describeOwnKafka } from '../harness/kafka.js'
import { KafkaTools } from '../harness/kafka-tools.js'
import { SecureKafka, tokenOf } from '../harness/servers/secure-kafka.js'

const idle: GroupHandlers = {
  onAssigned() {},
  onRebalancing() {},
  async onBatch() {},
  onSkipped() {},
  onFetched() {},
  onCrashed() {},
}
const groupOptions = (groupId: string, topic: string) => ({
  groupId,
  topics: [topic],
  sessionTimeoutMs: 10_000,
  rebalanceTimeoutMs: 10_000,
  heartbeatIntervalMs: 1_000,
  maxBytesPerPartition: 1_048_576,
  maxBytes: 10_485_760,
  maxWaitMs: 100,
  partitionsConcurrently: 1,
})

describeOwnKafka('the driver on kafkajs, on a cluster with TLS, SASL and ACLs', () => {
  let secure: SecureKafka
  let kafka: KafkaTools

  beforeAll(async () => {
    secure = await SecureKafka.create()
    kafka = new KafkaTools(secure.server.address)
  })
  afterAll(() => secure?.stop())

  const driver = (connection: KafkaConnection) =>
    openKafka({ clientId: 'millrace-tests', connectTimeoutMs: 5_000, ...connection }, silentLog)
  const asAdmin = async <T>(connection: KafkaConnection, use: (admin: Admin) => Promise<T>): Promise<T> => {
    const admin = await driver(connection).openAdmin()
    try {
      return await use(admin)
    } finally {
      await admin.close()
    }
  }
  const produce = async (connection: KafkaConnection, topic: string) => {
    const producer = await driver(connection).openProducer({ compression: 'none', requestTimeoutMs: 10_000 })
    try {
      await producer.send([{ topic, key: null, value: Buffer.from('x'), headers: [] }])
    } finally {
      await producer.close()
    }
  }

  it.each(['plain', 'scram-sha-256', 'scram-sha-512'] as const)('logs in by %s, with TLS and without', async mechanism => {
    const topic = await kafka.createTopic()
    await kafka.allow('User:alice', { topic }, ['READ', 'WRITE', 'DESCRIBE'])
    for (const connection of [secure.saslSsl(mechanism), secure.saslPlaintext(mechanism)]) {
      expect(await asAdmin(connection, admin => admin.topics())).toContain(topic)
      await produce(connection, topic)
    }
    expect((await kafka.bounds(topic))[0]).toMatchObject({ high: 2 })
  })

  it('logs in by a token of oauthbearer, asked for at each connection, and says when it is not taken', async () => {
    const topic = await kafka.createTopic()
    await kafka.allow('User:alice', { topic }, ['READ', 'WRITE', 'DESCRIBE'])
    let asked = 0
    const alice = secure.oauthbearer(async () => {
      asked++
      return tokenOf('alice')
    })
    expect(await asAdmin(alice, admin => admin.topics())).toContain(topic)
    await produce(alice, topic)
    expect(asked).toBeGreaterThanOrEqual(2)
    expect((await kafka.bounds(topic))[0]).toMatchObject({ high: 1 })
    const refused = { code: 'MILL_KAFKA_REFUSED', retryable: false }
    const expired = secure.oauthbearer(async () => tokenOf('alice', -3_600_000))
    await expect(asAdmin(expired, admin => admin.topics())).rejects.toMatchObject({
      ...refused,
      message: expect.stringMatching(/the token of sasl\.token is not valid: .*invalid_token/),
    })
    const unissued = secure.oauthbearer(() => Promise.reject(new Error('the issuer is away')))
    await expect(asAdmin(unissued, admin => admin.topics())).rejects.toMatchObject({
      code: 'MILL_KAFKA_AWAY',
      retryable: true,
      message: expect.stringMatching(/sasl\.token gave none: Error: the issuer is away/),
    })
    const stranger = secure.oauthbearer(async () => tokenOf('mallory'))
    await expect(produce(stranger, topic)).rejects.toMatchObject({ ...refused, message: expect.stringMatching(/no right/) })
  })

  it("knows a client by its certificate, and says when the broker's is not trusted", async () => {
    const topic = await kafka.createTopic()
    await kafka.allow('User:CN=client', { topic }, ['DESCRIBE'])
    expect(await asAdmin(secure.mtls(), admin => admin.topics())).toContain(topic)
    const refused = { code: 'MILL_KAFKA_REFUSED', retryable: false }
    await expect(asAdmin({ ...secure.ssl(), ssl: true }, admin => admin.topics())).rejects.toMatchObject({
      ...refused,
      message: expect.stringMatching(/SELF_SIGNED_CERT_IN_CHAIN.*set ssl\.ca/),
    })
    await expect(asAdmin({ ...secure.mtls(), ssl: secure.ssl().ssl! }, admin => admin.topics())).rejects.toMatchObject({
      message: expect.stringMatching(/ssl\.cert and ssl\.key/),
    })
  })

  it('names wrong credentials', async () => {
    for (const mechanism of ['plain', 'scram-sha-512'] as const) {
      await expect(asAdmin(secure.saslSsl(mechanism, 'alice', 'wrong'), admin => admin.topics())).rejects.toMatchObject({
        code: 'MILL_KAFKA_REFUSED',
        retryable: false,
        message: expect.stringMatching(/wrong user name or password.*check sasl/),
      })
    }
    const { brokers } = secure.saslPlaintext('plain')
    await expect(asAdmin({ brokers }, admin => admin.topics())).rejects.toMatchObject({ message: expect.stringMatching(/ssl and sasl/) })
    await expect(asAdmin({ brokers: secure.ssl().brokers }, admin => admin.topics())).rejects.toMatchObject({
      message: expect.stringMatching(/ssl and sasl/),
    })
    const plain = { ...secure.saslPlaintext('plain'), brokers: kafka.brokers }
    await expect(asAdmin(plain, admin => admin.topics())).rejects.toMatchObject({
      code: 'MILL_KAFKA_REFUSED',
      message: expect.stringMatching(/leave sasl out/),
    })
  })

  it('names the right that is missing', async () => {
    const topic = await kafka.createTopic()
    const group = kafka.name('group')
    const bob = secure.saslPlaintext('plain', 'bob', 's3cr3t-of-bob')
    const join = () => driver(bob).joinGroup(groupOptions(group, topic), idle)
    const refusal = (message: RegExp) => ({ code: 'MILL_KAFKA_REFUSED', retryable: false, message: expect.stringMatching(message) })
    await expect(join()).rejects.toMatchObject(refusal(new RegExp(`no right on topic ${topic}.*Read and Describe`)))
    await kafka.allow('User:bob', { topic }, ['DESCRIBE'])
    await expect(join()).rejects.toMatchObject(refusal(new RegExp(`no right on consumer group ${group}.*Read on the group`)))
    await expect(produce(bob, topic)).rejects.toMatchObject(refusal(/a sink needs Write on its topic/))
    await kafka.allow('User:bob', { topic: await kafka.createTopic() }, ['WRITE'])
    await expect(produce(bob, topic)).rejects.toMatchObject(refusal(new RegExp(`no right on topic ${topic}.*Write and Describe`)))
    await kafka.allow('User:bob', { group }, ['READ'])
    const crash = await new Promise<Error>((resolve, reject) => {
      driver(bob)
        .joinGroup(groupOptions(group, topic), { ...idle, onCrashed: resolve })
        .catch(reject)
    })
    expect(crash).toMatchObject(refusal(/no right on topic/))
    await kafka.allow('User:bob', { topic }, ['READ'])
    await (await join()).stop()
  })
})
