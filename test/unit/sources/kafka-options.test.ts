import { describe, expect, test } from 'vitest'
import { kafkaSource } from '../../../src/index.js'
import { groupOptionsOf, resolveKafkaOptions, resolveReading } from '../../../src/sources/kafka-options.js'

const given = { brokers: ['localhost:9092'], topics: ['t'], groupId: 'g' }

describe('options of kafkaSource', () => {
  test('have defaults for all that is not asked for', () => {
    expect(resolveKafkaOptions(given)).toMatchObject({
      ...given,
      clientId: 'millrace',
      connectTimeoutMs: 10_000,
      startAt: 'earliest',
      name: 'kafka',
    })
    expect(resolveReading({ topics: ['t'], groupId: 'g' })).not.toHaveProperty('brokers')
  })

  test.each([
    ['a broker without a port', { brokers: ['localhost'] }, 'brokers'],
    ['no topic', { topics: [] }, 'topics'],
    ['a moment that is none', { startAt: new Date(Number.NaN) }, 'startAt'],
    ['a connection that times out at once', { connectTimeoutMs: 0 }, 'connectTimeoutMs'],
  ])('%s is refused', (_, wrong, option) => {
    expect(() => kafkaSource({ ...given, ...wrong })).toThrow(
      expect.objectContaining({ code: 'MILL_OPTION_INVALID', details: expect.objectContaining({ option }) }),
    )
  })

  test.each([
    ['sasl', { sasl: { mechanism: 'plain', username: 'me', password: 7, note: 'swordfish' } }],
    ['ssl', { ssl: 'swordfish' }],
  ])('credentials in %s are not shown', (_, wrong) => {
    expect(() => kafkaSource({ ...given, ...(wrong as object) })).toThrow(/not shown/)
    expect(() => kafkaSource({ ...given, ...(wrong as object) })).not.toThrow(/swordfish/)
  })

  test('three heartbeats fit into a session, however short it is', () => {
    for (const sessionTimeoutMs of [1_000, 6_000, 30_000]) {
      const { heartbeatIntervalMs } = groupOptionsOf(resolveReading({ topics: ['t'], groupId: 'g', sessionTimeoutMs }))
      expect(heartbeatIntervalMs * 3).toBeLessThan(sessionTimeoutMs)
    }
  })
})
