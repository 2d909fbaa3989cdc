import fc from 'fast-check'
import { virtualClock } from 'millrace/testing'
import { describe, expect, test } from 'vitest'
import { delay } from '../../../src/core/clock.js'

describe('virtualClock', () => {
  test('stands still by itself', async () => {
    const clock = virtualClock({ now: 1_000 })
    let fired = false
    clock.after(0, () => {
      fired = true
    })
    await new Promise(resolve => setImmediate(resolve))
    expect([clock.now(), fired, clock.pending]).toEqual([1_000, false, 1])
  })

  test('fires what is due, in order, each at its own time', async () => {
    const clock = virtualClock({ now: 0 })
    const fired: [string, number][] = []
    clock.after(30, () => fired.push(['c', clock.now()]))
    clock.after(10, () => fired.push(['a', clock.now()]))
    clock.after(10, () => fired.push(['b', clock.now()]))
    clock.after(31, () => fired.push(['d', clock.now()]))
    await clock.advance(30)
    expect(fired).toEqual([
      ['a', 10],
      ['b', 10],
      ['c', 30],
    ])
    expect([clock.now(), clock.pending]).toEqual([30, 1])
    await clock.advance(1)
    expect(clock.pending).toBe(0)
  })

  test('lets a timer set others that are due in the same stretch', async () => {
    const clock = virtualClock({ now: 0 })
    const times: number[] = []
    const again = () => {
      times.push(clock.now())
      if (times.length < 5) clock.after(10, again)
    }
    clock.after(10, again)
    await clock.advance(35)
    expect(times).toEqual([10, 20, 30])
  })

  test('lets promises settle between two timers', async () => {
    const clock = virtualClock()
    const seen: string[] = []
    const waits = (async () => {
      await delay(clock, 10)
      for (let i = 0; i < 50; i++) await Promise.resolve()
      seen.push('after the first')
      await delay(clock, 5)
      seen.push('after the third')
    })()
    clock.after(12, () => seen.push('the second'))
    await clock.advance(20)
    await waits
    expect(seen).toEqual(['after the first', 'the second', 'after the third'])
  })

  test('fires nothing that was cancelled, also by a timer of the same moment', async () => {
    const clock = virtualClock()
    const fired: string[] = []
    const cancelled = clock.after(5, () => fired.push('cancelled'))
    cancelled()
    cancelled()
    let cancelLater = () => {}
    clock.after(6, () => cancelLater())
    cancelLater = clock.after(6, () => fired.push('cancelled later'))
    const stays = clock.after(7, () => fired.push('stays'))
    expect(clock.pending).toBe(3)
    await clock.advance(10)
    stays()
    expect([fired, clock.pending]).toEqual([['stays'], 0])
  })

  test('until: time passes until the promise is settled, and no longer', async () => {
    const clock = virtualClock({ now: 0 })
    clock.after(1e9, () => {})
    expect(await clock.until(delay(clock, 5_000).then(() => 'done'))).toBe('done')
    expect([clock.now(), clock.pending]).toEqual([5_000, 1])
    await expect(clock.until(delay(clock, 5).then(() => Promise.reject(new Error('no'))))).rejects.toThrow('no')
  })

  test('until: waits for real input and output', async () => {
    const { readFile } = await import('node:fs/promises')
    const text = await virtualClock().until(readFile(new URL('../../../package.json', import.meta.url), 'utf8'))
    expect(text).toContain('millrace')
  })

  test('fires any set of timers in order of time, then of setting', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(fc.record({ ms: fc.nat(50), isCancelled: fc.boolean() }), { maxLength: 60 }), async timers => {
        const clock = virtualClock({ now: 0, turns: 0 })
        const fired: number[] = []
        for (const [i, { ms, isCancelled }] of timers.entries()) {
          const cancel = clock.after(ms, () => fired.push(i))
          if (isCancelled) cancel()
        }
        await clock.advance(50)
        const wanted = timers.map(({ ms, isCancelled }, i) => ({ ms, isCancelled, i })).filter(({ isCancelled }) => !isCancelled)
        expect(fired).toEqual(wanted.sort((a, b) => a.ms - b.ms || a.i - b.i).map(({ i }) => i))
        expect(clock.pending).toBe(0)
      }),
    )
  })
})
