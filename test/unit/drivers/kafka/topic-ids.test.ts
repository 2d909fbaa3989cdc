import { describe, expect, test } from 'vitest'
import { topicIdsOf, topicIdsRequest } from '../../../../src/drivers/kafka/topic-ids.js'

const int32 = (value: number) => [value >>> 24, (value >>> 16) & 0xff, (value >>> 8) & 0xff, value & 0xff]
const text = (value: string) => [value.length + 1, ...Buffer.from(value)]
const id = (byte: number) => Array.from({ length: 16 }, () => byte)
const tags = [0]

/** As Kafka's schema of Metadata, version 10, has it; with a tagged field, which none has yet. */
const answer = (topics: readonly { readonly error: number; readonly name: string; readonly id: number }[]) =>
  Buffer.from([
    ...[1, 7, 2, 9, 9],
    ...int32(0),
    ...[2, ...int32(1), ...text('localhost'), ...int32(9092), 0, ...tags],
    ...text('cluster'),
    ...int32(1),
    topics.length + 1,
    ...topics.flatMap(({ error, name, id: byte }) => [
      ...[0, error, ...text(name), ...id(byte), 0],
      ...[2, 0, 0, ...int32(0), ...int32(1), ...int32(0), 3, ...int32(1), ...int32(2), 2, ...int32(1), 1, ...tags],
      ...[...int32(0), ...tags],
    ]),
    ...tags,
  ])

describe('ids of topics', () => {
  test('are read, but for topics that are not there or have none', () => {
    const topics = [
      { error: 0, name: 'orders', id: 255 },
      { error: 3, name: 'missing', id: 4 },
      { error: 0, name: 'old', id: 0 },
      { error: 0, name: 'events', id: 1 },
    ]
    expect([...topicIdsOf(answer(topics))]).toEqual([
      ['orders', '_____________________w'],
      ['events', 'AQEBAQEBAQEBAQEBAQEBAQ'],
    ])
  })

  test('an answer that is cut off is not believed', () => {
    const whole = answer([{ error: 0, name: 'orders', id: 1 }])
    for (let end = 0; end < whole.length - 1; end++) expect(() => topicIdsOf(whole.subarray(0, end))).toThrow()
  })

  test('are asked for by name', () => {
    const name = 'x'.repeat(200)
    const request = topicIdsRequest([name])
    expect([...request.subarray(0, 2)]).toEqual([0, 2])
    expect(request.includes(Buffer.from([0xc9, 1, ...Buffer.from(name), 0, 0, 0, 0, 0]))).toBe(true)
  })
})
