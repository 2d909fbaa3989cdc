import fc from 'fast-check'
import { testRecords } from 'millrace/testing'
import { describe, expect, test } from 'vitest'
import { type Envelope, join } from '../../../src/core/envelope.js'

const codeOf = (fn: () => unknown): unknown => {
  try {
    fn()
  } catch (error) {
    return (error as { code?: string }).code
  }
  return 'no error'
}

describe('an envelope', () => {
  test('keeps origin, key, headers and size over any chain of with and split', () => {
    fc.assert(
      fc.property(
        fc.uint8Array({ maxLength: 20 }),
        fc.option(fc.uint8Array({ maxLength: 8 })),
        fc.array(fc.tuple(fc.string(), fc.uint8Array({ maxLength: 5 })), { maxLength: 4 }),
        fc.array(fc.integer({ min: 1, max: 4 }), { maxLength: 4 }),
        (value, key, headers, splits) => {
          const { records } = testRecords([value], { key: () => key, headers: () => headers, from: 7 })
          let record: Envelope<unknown> = records[0]!
          const path: number[] = []
          for (const count of splits) {
            record = record.with('another').split(Array.from({ length: count }, () => 0))[count - 1]!
            path.push(count - 1)
          }
          expect(record.origin).toEqual({ source: 'test', partition: '0', position: 7, part: path.join('.') })
          expect(record.keyBytes && [...record.keyBytes]).toEqual(key && [...key])
          expect([...record.headers].map(([name, bytes]) => [name, [...bytes]])).toEqual(headers.map(([name, bytes]) => [name, [...bytes]]))
          expect(record.bytes).toBe(value.byteLength)
        },
      ),
    )
  })

  test('gives its key as text and as bytes', () => {
    const { records } = testRecords([0, 1, 2, 3], { key: n => [null, '', 'ü', Uint8Array.of(0xc3, 0xbc)][n]! })
    expect(records.map(({ key }) => key)).toEqual([null, '', 'ü', 'ü'])
    expect(records.map(({ keyBytes }) => keyBytes && [...keyBytes])).toEqual([null, [], [0xc3, 0xbc], [0xc3, 0xbc]])
  })

  test('gives the last header of a name, and all of them', () => {
    const { records } = testRecords([0], {
      headers: () => [
        ['a', '1'],
        ['b', Uint8Array.of(255)],
        ['a', '2'],
      ],
    })
    const { headers } = records[0]!
    expect([headers.text('a'), headers.text('c'), headers.bytes('a').length]).toEqual(['2', undefined, 2])
  })

  test('that left cannot be split, expanded or joined', () => {
    const { records } = testRecords([0, 1])
    const [gone, other] = records as [Envelope<number>, Envelope<number>]
    gone.skip('gone')
    for (const fn of [() => gone.split([1]), () => gone.expand(), () => join([other, gone], 0)]) {
      expect(codeOf(fn)).toBe('MILL_RECORD_EMITTED_TWICE')
    }
    expect(codeOf(() => join([other, other], 0))).toBe('MILL_RECORD_EMITTED_TWICE')
    expect(codeOf(() => join([], 0))).toBe('MILL_JOIN_EMPTY')
  })

  test('split into nothing is skipped', () => {
    const { records, exits, settled } = testRecords([0])
    expect(records[0]!.split([])).toEqual([])
    expect([exits.map(({ reason }) => reason), settled]).toEqual([['split into nothing'], [1]])
  })

  test('expanded into nothing is skipped, and takes nothing after its end', () => {
    const { records, exits, settled } = testRecords([0])
    const expansion = records[0]!.expand()
    expansion.close()
    expansion.close()
    expect([exits.map(({ reason }) => reason), settled]).toEqual([['split into nothing'], [1]])
    expect(codeOf(() => expansion.add(1))).toBe('MILL_RECORD_EMITTED_TWICE')
  })

  test('of a join has origin and key of the first, the sum of the bytes, the latest timestamp', () => {
    const { records } = testRecords(['aa', 'bbb'], { key: value => value })
    const joined = join([...records], 'both')
    expect([joined.origin, joined.key, joined.bytes]).toEqual([{ source: 'test', partition: '0', position: 0, part: 'join' }, 'aa', 5])
    expect(joined.timestamp).toBe(Math.max(...records.map(({ timestamp }) => timestamp)))
  })
})
