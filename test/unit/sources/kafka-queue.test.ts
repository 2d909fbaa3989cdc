import fc from 'fast-check'
import { expect, test } from 'vitest'
import { KafkaPartition } from '../../../src/sources/kafka-partition.js'
import { FairQueue } from '../../../src/sources/kafka-queue.js'

function batch(partition: number, from: number, count: number, size = 1) {
  const messages = Array.from({ length: count }, (_, i) => ({
    offset: from + i,
    timestamp: 7,
    key: null,
    value: new Uint8Array(size),
    headers: [],
  }))
  return { topic: 't', partition, fetchedOffset: from, nextOffset: from + count, endOffset: 1_000, messages }
}
const partition = (number: number, next = 0) => {
  const made = new KafkaPartition({ topic: 't', partition: number })
  made.begin(next, 1_000, 0)
  return made
}
const all = { records: 1_000, bytes: 1_000_000 }

test('partitions come by turns, each with its share', () => {
  const queue = new FairQueue()
  for (let i = 0; i < 4; i++) queue.add(partition(i), batch(i, 0, 100))
  const taken = queue.take({ records: 8, bytes: 1_000 })
  expect(taken.map(({ partition, position }) => `${partition}@${position}`)).toEqual(
    ['t/0@0', 't/0@1', 't/1@0', 't/1@1', 't/2@0', 't/2@1', 't/3@0', 't/3@1'],
  ) // biome-ignore format: a list
})

test('a partition with much does not keep out one with little', () => {
  const queue = new FairQueue()
  queue.add(partition(0), batch(0, 0, 1_000))
  queue.add(partition(1), batch(1, 0, 1))
  expect(queue.take({ records: 10, bytes: 1_000 }).map(({ partition }) => partition)).toContain('t/1')
})

test('at least one record is given, however large, and about as many bytes as asked for', () => {
  const queue = new FairQueue()
  queue.add(partition(0), batch(0, 0, 10, 100))
  expect(queue.take({ records: 10, bytes: 1 })).toHaveLength(1)
  expect(queue.take({ records: 10, bytes: 350 })).toHaveLength(3)
})

test('what was read before is not given again', () => {
  const queue = new FairQueue()
  queue.add(partition(0, 7), batch(0, 0, 10))
  expect(queue.take(all).map(({ position }) => position)).toEqual([7, 8, 9])
  expect(queue.add(partition(0, 10), batch(0, 0, 10))).toBeNull()
})

test('a batch says when it is read, and what is let go of is not given', () => {
  const queue = new FairQueue()
  const held = queue.add(partition(0), batch(0, 0, 3))!
  let ends = 0
  held.onEnd(() => ends++)
  queue.take({ records: 2, bytes: 100 })
  expect([held.isTaken, ends]).toEqual([false, 0])
  queue.take(all)
  expect([held.isTaken, ends]).toEqual([true, 1])
  queue.add(partition(1), batch(1, 0, 3))
  queue.release()
  expect(queue.take(all)).toEqual([])
})

test('each record is given once and in order, however it is taken', () => {
  const limits = fc.array(fc.record({ records: fc.integer({ min: 1, max: 9 }), bytes: fc.integer({ min: 1, max: 50 }) }), { minLength: 1 })
  fc.assert(
    fc.property(fc.array(fc.integer({ min: 1, max: 20 }), { minLength: 1, maxLength: 6 }), limits, (counts, limits) => {
      const queue = new FairQueue()
      for (const [i, count] of counts.entries()) queue.add(partition(i), batch(i, 0, count, 5))
      const given = new Map<string, number>()
      for (let turn = 0; queue.size > 0; turn++) {
        const limit = limits[turn % limits.length]!
        const taken = queue.take(limit)
        expect(taken.length).toBeGreaterThan(0)
        expect(taken.length).toBeLessThanOrEqual(limit.records)
        for (const { partition = '', position } of taken) {
          expect(position).toBe(given.get(partition) ?? 0)
          given.set(partition, (position as number) + 1)
        }
      }
      expect([...given.values()]).toEqual(expect.arrayContaining(counts))
    }),
  )
})
