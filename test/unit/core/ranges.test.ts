import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { RangeSet, type Ranges } from '../../../src/core/ranges.js'

const END = 60
const range = fc
  .tuple(fc.nat(END), fc.integer({ min: -2, max: 20 }))
  .map(([from, length]) => ({ from, to: Math.min(END + 20, from + length) }))
const change = fc.oneof(
  { weight: 5, arbitrary: range.map(given => ({ as: 'add' as const, ...given })) },
  { weight: 3, arbitrary: range.map(given => ({ as: 'remove' as const, ...given })) },
  { weight: 1, arbitrary: fc.nat(END).map(from => ({ as: 'dropBefore' as const, from, to: 0 })) },
  { weight: 1, arbitrary: fc.array(range, { maxLength: 5 }).map(all => ({ as: 'addAll' as const, from: 0, to: 0, all })) },
)

/** The same set, number by number. */
class Numbers {
  readonly held = new Set<number>()
  add(from: number, to: number): void {
    for (let n = from; n < to; n++) this.held.add(n)
  }
  remove(from: number, to: number): void {
    for (let n = from; n < to; n++) this.held.delete(n)
  }
  toRanges(): Ranges {
    const ranges: [number, number][] = []
    for (const n of [...this.held].sort((a, b) => a - b)) {
      const last = ranges.at(-1)
      if (last !== undefined && last[1] === n) last[1]++
      else ranges.push([n, n + 1])
    }
    return ranges
  }
}

describe('RangeSet', () => {
  test('is the set of its numbers, whatever is added, removed and dropped', () => {
    fc.assert(
      fc.property(fc.array(change, { maxLength: 40 }), changes => {
        const set = new RangeSet()
        const numbers = new Numbers()
        for (const given of changes) {
          const { as, from, to } = given
          if (as === 'add') {
            set.add(from, to)
            numbers.add(from, to)
          } else if (as === 'remove') {
            set.remove(from, to)
            numbers.remove(from, to)
          } else if (as === 'dropBefore') {
            set.dropBefore(from)
            numbers.remove(0, from)
          } else {
            const all = given.all.map(({ from, to }) => [from, to] as const)
            set.addAll(all)
            for (const [from, to] of all) numbers.add(from, to)
          }
          // Sorted, disjoint and not touching: only one list of ranges stands for a set.
          expect(set.toRanges()).toEqual(numbers.toRanges())
        }
        assertAnswers(set, numbers)
      }),
      { numRuns: 500 },
    )
  })

  test('forgets from the beginning as many ranges as there are, one at a time or many, and stays the same set', () => {
    const set = new RangeSet()
    const numbers = new Numbers()
    for (let n = 0; n < 1_000; n += 2) {
      set.add(n, n + 1)
      numbers.add(n, n + 1)
    }
    for (const position of [1, 3, 150, 151, 152, 700, 999]) {
      set.dropBefore(position)
      numbers.remove(0, position)
      set.add(position + 300, position + 304)
      numbers.add(position + 300, position + 304)
      set.remove(position + 310, position + 313)
      numbers.remove(position + 310, position + 313)
      expect(set.toRanges()).toEqual(numbers.toRanges())
      expect(set.size).toBe(numbers.toRanges().length)
      expect([300, 302, 450, 1_003].map(n => set.has(n))).toEqual([300, 302, 450, 1_003].map(n => numbers.held.has(n)))
    }
    set.dropBefore(2_000)
    expect([set.size, set.end, set.toRanges()]).toEqual([0, undefined, []])
  })

  test('is made of ranges in any order, also those that overlap', () => {
    fc.assert(
      fc.property(fc.array(range, { maxLength: 12 }), ranges => {
        const numbers = new Numbers()
        for (const { from, to } of ranges) numbers.add(from, to)
        expect(RangeSet.of(ranges.map(({ from, to }) => [from, to] as const)).toRanges()).toEqual(numbers.toRanges())
      }),
    )
  })

  test('holds positions up to 2^53 - 1', () => {
    const set = RangeSet.of([[Number.MAX_SAFE_INTEGER - 5, Number.MAX_SAFE_INTEGER]])
    expect([set.has(Number.MAX_SAFE_INTEGER - 1), set.has(Number.MAX_SAFE_INTEGER - 6)]).toEqual([true, false])
    expect(set.end).toBe(Number.MAX_SAFE_INTEGER)
  })

  test('is empty after clear', () => {
    const set = RangeSet.of([
      [1, 2],
      [5, 9],
    ])
    set.clear()
    expect([set.size, set.end, set.toRanges()]).toEqual([0, undefined, []])
  })

  test('takes a million ranges in order, and a million in reverse that grow together', () => {
    const ahead = new RangeSet()
    const holes = new RangeSet()
    for (let i = 0; i < 1_000_000; i++) {
      ahead.add(i, i + 1)
      if (i % 100 === 0) holes.add(i, i + 50)
    }
    expect([ahead.size, holes.size]).toEqual([1, 10_000])
    for (let i = 999_900; i >= 0; i -= 100) holes.add(i + 50, i + 100)
    expect(holes.toRanges()).toEqual([[0, 1_000_000]])
  })
})

function assertAnswers(set: RangeSet, numbers: Numbers): void {
  const { held } = numbers
  expect(set.size).toBe(numbers.toRanges().length)
  expect(set.end).toBe(numbers.toRanges().at(-1)?.[1])
  for (let n = 0; n <= END + 25; n++) {
    expect(set.has(n), `has(${n})`).toBe(held.has(n))
    let hole = n
    while (held.has(hole)) hole++
    expect(set.holeFrom(n), `holeFrom(${n})`).toBe(hole)
  }
  for (const [from, to] of [
    [0, END + 30],
    [7, 31],
    [20, 20],
    [30, 33],
  ] as const) {
    const inside = new Numbers()
    for (const n of held) if (n >= from && n < to) inside.add(n, n + 1)
    expect(set.within(from, to), `within(${from}, ${to})`).toEqual(inside.toRanges())
  }
}
