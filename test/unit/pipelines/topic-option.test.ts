import { describe, expect, it } from 'vitest'
import { type TopicOption, topicOptionsOf } from '../../../src/pipelines/topic-option.js'

const from: TopicOption = { brokers: 'a:1', topics: 'orders', groupId: 'g' }

describe('the topics of a config', () => {
  it.each<[Partial<TopicOption>, object]>([
    [{ brokers: 'a:1, b:2,' }, { brokers: ['a:1', 'b:2'] }],
    [{ brokers: ['a:1', 'b:2,c:3'] }, { brokers: ['a:1', 'b:2', 'c:3'] }],
    [{ topics: 'orders, returns' }, { topics: ['orders', 'returns'] }],
    [{ topics: ['orders'] }, { topics: ['orders'] }],
    [{ topics: '/^orders-/' }, { topics: /^orders-/ }],
    [{ topics: '/^ORDERS/i' }, { topics: /^ORDERS/i }],
    [{ startAt: 'latest' }, { startAt: 'latest' }],
    [{ startAt: '2026-01-31T00:00:00Z' }, { startAt: new Date(Date.UTC(2026, 0, 31)) }],
    [
      { ssl: { ca: 'pem' }, sasl: { mechanism: 'plain', username: 'u', password: 'p' } },
      { ssl: { ca: 'pem' }, sasl: { mechanism: 'plain', username: 'u', password: 'p' } },
    ],
  ])('%j becomes what kafkaSource takes', (given, expected) => {
    expect(topicOptionsOf({ ...from, ...given })).toMatchObject({ brokers: ['a:1'], topics: ['orders'], groupId: 'g', ...expected })
  })

  it.each<[Partial<TopicOption>, string]>([
    [{ topics: '/(/' }, 'topics'],
    [{ startAt: 'yesterday' }, 'startAt'],
    [{ startAt: '5' }, 'startAt'],
  ])('%j is refused', (given, path) => {
    expect(() => topicOptionsOf({ ...from, ...given })).toThrow(expect.objectContaining({ problems: [expect.objectContaining({ path })] }))
  })
})
