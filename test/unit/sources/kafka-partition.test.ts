import fc from 'fast-check'
import { expect, test } from 'vitest'
import { KafkaPartition } from '../../../src/sources/kafka-partition.js'

const at = (next: number) => {
  const partition = new KafkaPartition({ topic: 't', partition: 3 })
  partition.begin(next, 100, 0)
  return partition
}

test('a partition is named after its topic and number', () => expect(at(0).name).toBe('t/3'))

test('what was asked for is taken, also when it begins before what was read', () => {
  expect(at(5).judge({ fetchedOffset: 5, endOffset: 100 })).toBe('take')
  expect(at(5).judge({ fetchedOffset: 2, endOffset: 100 })).toBe('take')
})

test('a jump is asked for again once, and then believed', () => {
  const partition = at(5)
  expect(partition.judge({ fetchedOffset: 9, endOffset: 100 })).toBe('probe')
  expect(partition.judge({ fetchedOffset: 9, endOffset: 100 })).toBe('hole')
})

test('a jump that was no hole is forgotten', () => {
  const partition = at(5)
  expect(partition.judge({ fetchedOffset: 9, endOffset: 100 })).toBe('probe')
  expect(partition.judge({ fetchedOffset: 5, endOffset: 100 })).toBe('take')
  expect(partition.judge({ fetchedOffset: 9, endOffset: 100 })).toBe('probe')
})

test('a partition that ends before what was read is another one', () => {
  expect(at(50).judge({ fetchedOffset: 0, endOffset: 20 })).toBe('anew')
})

test('no course of fetches makes the guard ask twice for the same place', () => {
  fc.assert(
    fc.property(fc.array(fc.nat(30), { maxLength: 40 }), offsets => {
      const partition = at(0)
      let probes = 0
      for (const fetchedOffset of offsets) {
        const { next } = partition
        const verdict = partition.judge({ fetchedOffset, endOffset: 100 })
        probes = verdict === 'probe' ? probes + 1 : 0
        expect(probes).toBeLessThan(2)
        if (verdict === 'hole') partition.next = fetchedOffset
        expect(partition.next).toBeGreaterThanOrEqual(next)
      }
    }),
  )
})
