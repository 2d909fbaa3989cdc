import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import type { Incoming } from '../../../src/core/source.js'
import { PrefixTracker, SingleTracker } from '../../../src/runtime/tracker.js'

const at = (position: number, next?: number): Incoming<string> => ({ value: '', position, ...(next !== undefined && { next }) })

describe('PrefixTracker', () => {
  test('knows nowhere to go on before anything is known', () => {
    expect(new PrefixTracker('s', '0').from).toBeUndefined()
  })

  test('goes on at the first hole of what the ledger covers', () => {
    expect(new PrefixTracker('s', '0', 1n, [[0, 5], [7, 9]]).from).toBe(5) // biome-ignore format: ranges
    expect(new PrefixTracker('s', '0', 1n, [[3, 5]]).from).toBe(0)
  })

  test('drops what the ledger covers, before and beyond the first hole', () => {
    const tracker = new PrefixTracker('s', '0', 1n, [[0, 2], [3, 4]]) // biome-ignore format: ranges
    expect([0, 1, 2, 3, 4].map(position => tracker.open(at(position)))).toEqual([false, false, true, false, true])
  })

  test('counts positions without a record as settled, and as gaps until a write has covered them', () => {
    const tracker = new PrefixTracker('s', '0', 1n)
    tracker.open(at(4))
    expect(tracker.prefix).toBe(4)
    expect(tracker.gaps.toRanges()).toEqual([[0, 4]])
    tracker.confirmGaps([[0, 3]])
    expect(tracker.gaps.toRanges()).toEqual([[3, 4]])
  })

  test('takes nothing for a gap that was covered before', () => {
    const tracker = new PrefixTracker('s', '0', 1n, [[0, 2], [4, 6]]) // biome-ignore format: ranges
    for (const position of [2, 3]) {
      tracker.open(at(position))
      tracker.settled(at(position))
    }
    expect(tracker.prefix).toBe(6)
    tracker.open(at(8))
    expect(tracker.gaps.toRanges()).toEqual([[6, 8]])
  })

  test('goes on where a record ends, and not at the next number', () => {
    const tracker = new PrefixTracker('s', '0')
    tracker.open(at(0, 100))
    tracker.settled(at(0, 100))
    expect(tracker.prefix).toBe(100)
  })

  test.each([[-1], [1.5], ['7'], [Number.NaN], [2 ** 53]])('refuses the position %s', position => {
    expect(() => new PrefixTracker('s', '0').open({ value: '', position })).toThrow(/MILL|position/)
  })

  test('refuses a position that goes back', () => {
    const tracker = new PrefixTracker('s', '0')
    tracker.open(at(5))
    tracker.open(at(6))
    expect(() => tracker.open(at(5))).toThrow(/positions grow/)
  })

  test('refuses a record that ends before it begins', () => {
    expect(() => new PrefixTracker('s', '0').open(at(5, 5))).toThrow(/a next beyond 5/)
  })

  test('has the prefix of a list that is searched from the start, in whatever order records settle', () => {
    const world = fc.record({
      covered: fc.uniqueArray(fc.nat(40), { maxLength: 20 }),
      given: fc.uniqueArray(fc.nat(40), { minLength: 1, maxLength: 30 }),
      order: fc.infiniteStream(fc.nat(1000)),
    })
    fc.assert(
      fc.property(world, ({ covered, given, order }) => {
        const tracker = new PrefixTracker('s', '0', 1n, covered.sort((a, b) => a - b).map(from => [from, from + 1] as const)) // biome-ignore format: one call
        const settled = new Set(covered)
        const open: number[] = []
        const prefix = () => {
          let first = 0
          while (settled.has(first)) first++
          return first
        }
        let reached = prefix()
        for (const position of given.sort((a, b) => a - b)) {
          if (settled.has(position)) {
            expect(tracker.open(at(position))).toBe(false)
            continue
          }
          for (let gap = reached; gap < position; gap++) settled.add(gap)
          reached = position + 1
          expect(tracker.open(at(position))).toBe(true)
          open.push(position)
          const next = order.next().value
          if (next % 2 === 0) {
            const [done] = open.splice(next % open.length, 1)
            settled.add(done!)
            tracker.settled(at(done!))
          }
          expect(tracker.prefix).toBe(prefix())
          expect(tracker.unsettled).toBe(open.length)
        }
        while (open.length > 0) {
          const [done] = open.splice(order.next().value % open.length, 1)
          settled.add(done!)
          tracker.settled(at(done!))
          expect(tracker.prefix).toBe(prefix())
        }
      }),
    )
  })
})

describe('SingleTracker', () => {
  test('tells each record once, with its outcome and its failures', () => {
    const tracker = new SingleTracker('s', 'p', 0n)
    tracker.open({ value: '', position: 'a' })
    tracker.settled({ value: '', position: 'a' }, 'skipped', null)
    expect(tracker.takeDone()).toEqual([{ partition: 'p', position: 'a', outcome: 'skipped', failures: [] }])
    expect(tracker.takeDone()).toEqual([])
  })

  test('tells again, and first, what could not be told', () => {
    const tracker = new SingleTracker('s', 'p', 0n)
    for (const position of ['a', 'b']) tracker.open({ value: '', position })
    tracker.settled({ value: '', position: 'a' }, 'delivered', null)
    const done = tracker.takeDone()
    tracker.settled({ value: '', position: 'b' }, 'delivered', null)
    tracker.putBack(done)
    expect(tracker.takeDone().map(({ position }) => position)).toEqual(['a', 'b'])
  })

  test('drops an id that is under way, and takes it again once it is settled', () => {
    const tracker = new SingleTracker('s', 'p', 0n)
    expect(tracker.open({ value: '', position: 'a' })).toBe(true)
    expect(tracker.open({ value: '', position: 'a' })).toBe(false)
    tracker.settled({ value: '', position: 'a' }, 'delivered', null)
    expect(tracker.open({ value: '', position: 'a' })).toBe(true)
  })
})
