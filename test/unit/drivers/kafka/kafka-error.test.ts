import { describe, expect, it } from 'vitest'
import { MillraceError } from '../../../../src/core/errors.js'
import { brokerAnswerOf, kafkaError } from '../../../../src/drivers/kafka/kafka-error.js'

const at = { cluster: 'a:9092', doing: 'produce', topic: 'orders', groupId: 'billing' }
const error = (name: string, message: string, more: object = {}) => Object.assign(new Error(message), { name, ...more })
const answer = (type: string, retriable = false) => error('KafkaJSProtocolError', `the broker says ${type}`, { type, code: 1, retriable })
const spent = (cause: Error) => error('KafkaJSNumberOfRetriesExceeded', cause.message, { retriable: false, cause })

describe('kafkaError', () => {
  it.each([
    [
      'a refused connection',
      spent(error('KafkaJSConnectionError', 'connect ECONNREFUSED', { code: 'ECONNREFUSED', retriable: true })),
      /check brokers/,
    ],
    ['an unknown host', spent(error('KafkaJSConnectionError', 'getaddrinfo ENOTFOUND', { code: 'ENOTFOUND' })), /no host has this name/],
    ['a closed connection', spent(error('KafkaJSConnectionClosedError', 'Closed connection')), /check ssl and sasl/],
    [
      'a request that took too long',
      error('KafkaJSNonRetriableError', 'Request timed out', { cause: error('KafkaJSRequestTimeoutError', 'Request timed out') }),
      /timed out/,
    ],
    ['a leader that is being elected', answer('LEADER_NOT_AVAILABLE', true), /LEADER_NOT_AVAILABLE/],
    [
      'a lost coordinator',
      error('KafkaJSGroupCoordinatorNotFound', 'Failed to find group coordinator', { retriable: false }),
      /coordinator/,
    ],
  ])('waits for %s', (_, given, message) => {
    expect(kafkaError(given, at)).toMatchObject({
      code: 'MILL_KAFKA_AWAY',
      retryable: true,
      cause: given,
      message: expect.stringMatching(message),
    })
  })

  it.each([
    [
      'a wrong password',
      error('KafkaJSSASLAuthenticationError', 'SASL PLAIN failed', { retriable: false }),
      /wrong user name or password.*check sasl/,
    ],
    ['a missing right on a topic', answer('TOPIC_AUTHORIZATION_FAILED'), /no right on topic orders.*ACL/],
    ['a missing right on a group', answer('GROUP_AUTHORIZATION_FAILED'), /no right on consumer group billing.*Read on the group/],
    ['a group of another protocol', answer('INCONSISTENT_GROUP_PROTOCOL'), /group id billing is in use.*take another groupId/],
    [
      'a certificate of nobody',
      spent(error('KafkaJSConnectionError', 'self-signed', { code: 'SELF_SIGNED_CERT_IN_CHAIN' })),
      /set ssl\.ca/,
    ],
    [
      'a certificate of another host',
      spent(error('KafkaJSConnectionError', 'x', { code: 'ERR_TLS_CERT_ALTNAME_INVALID' })),
      /another host name/,
    ],
    ['an answer that it does not know', answer('POLICY_VIOLATION'), /POLICY_VIOLATION/],
    ['a mistake in the program', new TypeError('x is undefined'), /x is undefined/],
    ['what is no error', 'text', /text/],
  ])('ends with %s', (_, given, message) => {
    expect(kafkaError(given, at)).toMatchObject({ code: 'MILL_KAFKA_REFUSED', retryable: false, message: expect.stringMatching(message) })
  })

  it('begins anew after a rebalance, or where a producer lost its place', () => {
    for (const type of ['ILLEGAL_GENERATION', 'REBALANCE_IN_PROGRESS', 'UNKNOWN_MEMBER_ID', 'OUT_OF_ORDER_SEQUENCE_NUMBER'])
      expect(kafkaError(answer(type), at)).toMatchObject({ code: 'MILL_KAFKA_REFUSED', retryable: true })
  })

  it('tells a topic that is not there', () => {
    expect(kafkaError(spent(answer('UNKNOWN_TOPIC_OR_PARTITION', true)), at)).toMatchObject({
      code: 'MILL_TOPIC_UNKNOWN',
      details: { topic: 'orders' },
    })
  })

  it("gives Millrace's own errors out as they are, also from within", () => {
    const own = new MillraceError('MILL_CODEC_UNAVAILABLE', { codec: 'lz4', reason: 'not installed' })
    expect(kafkaError(own, at)).toBe(own)
    expect(kafkaError(spent(own), at)).toBe(own)
  })

  it('reads the first of several errors', () => {
    const several = Object.assign(new Error('Topic errors'), { name: 'KafkaJSAggregateError', errors: [answer('INVALID_TOPIC_EXCEPTION')] })
    expect(kafkaError(several, at)).toMatchObject({ message: expect.stringMatching(/orders is not a name/) })
  })
})

describe('brokerAnswerOf', () => {
  it("is Kafka's own name of the answer, or nothing", () => {
    expect(brokerAnswerOf(spent(answer('MESSAGE_TOO_LARGE')))).toBe('MESSAGE_TOO_LARGE')
    expect(brokerAnswerOf(new Error('x'))).toBeUndefined()
    expect(brokerAnswerOf(null)).toBeUndefined()
  })
})
