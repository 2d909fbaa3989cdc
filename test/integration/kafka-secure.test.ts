import { afterAll, beforeAll, expect, it } from 'vitest'
import { describeOwnKafka } from '../harness/kafka.js'
import { KafkaTools } from '../harness/kafka-tools.js'
import { type SecureConnection, SecureKafka } from '../harness/servers/secure-kafka.js'

describeOwnKafka('SecureKafka', () => {
  let secure: SecureKafka
  let topic: string
  beforeAll(async () => {
    secure = await SecureKafka.create()
    const everything = new KafkaTools(secure.server.address)
    topic = await everything.createTopic()
    for (const user of ['User:alice', 'User:CN=client']) await everything.allow(user, { topic }, ['ALL'])
  })
  afterAll(() => secure?.stop())

  const as = ({ brokers, ssl, sasl }: SecureConnection) =>
    new KafkaTools(brokers.join(), {
      ...(ssl && { ssl }),
      ...(sasl && { sasl: sasl as never }),
      retry: { retries: 1, initialRetryTime: 50 },
    })
  const produce = (connection: SecureConnection) => as(connection).produce(topic, [{ value: 'x' }])

  it.each(['plain', 'scram-sha-256', 'scram-sha-512'] as const)('lets alice in by %s, with TLS and without', async mechanism => {
    await produce(secure.saslSsl(mechanism))
    await produce(secure.saslPlaintext(mechanism))
    for (const connection of [secure.saslSsl(mechanism, 'alice', 'wrong'), secure.saslPlaintext(mechanism, 'nobody')]) {
      await expect(produce(connection)).rejects.toThrow(expect.objectContaining({ name: 'KafkaJSSASLAuthenticationError' }))
    }
  })

  it('lets in by a certificate, and only who trusts its authority', async () => {
    await produce(secure.ssl())
    await produce(secure.mtls())
    const stranger = { ...secure.ssl(), ssl: { ca: [secure.certificates.strangerCa] } }
    await expect(produce(stranger)).rejects.toThrow(/self.signed certificate|unable to verify/)
    await expect(produce({ ...secure.mtls(), ...{ ssl: { ca: [secure.certificates.ca] } } })).rejects.toThrow()
  })

  it('keeps out who has no ACL', async () => {
    await expect(produce(secure.saslSsl('plain', 'bob', 's3cr3t-of-bob'))).rejects.toThrow(/[Nn]ot authorized|authorization failed/i)
  })
})
