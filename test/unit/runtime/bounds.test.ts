import { virtualClock } from 'millrace/testing'
import { describe, expect, test } from 'vitest'
import { exponentialBackoff } from '../../../src/core/backoff.js'
import { FailureBudget } from '../../../src/runtime/failure-budget.js'
import { resolveBatchLimits, resolveLimits } from '../../../src/runtime/limits.js'
import { persist } from '../../../src/runtime/persist.js'
import { Window } from '../../../src/runtime/window.js'
import { Records } from '../../harness/records.js'

const away = () => Object.assign(new Error('away'), { retryable: true })

describe('the window', () => {
  const root = (bytes: number) => {
    const records = new Records()
    records.record('', { bytes })
    return Object.assign(records.roots[0]!, { bytes })
  }

  test('is full at its records', () => {
    const window = new Window(2, 1_000)
    window.add(root(1))
    expect(window.isFull).toBe(false)
    window.add(root(1))
    expect(window.isFull).toBe(true)
  })

  test('is full at its bytes, so a larger record goes alone', () => {
    const window = new Window(100, 1_000)
    const large = root(5_000)
    window.add(large)
    expect(window.isFull).toBe(true)
    window.shrink(1)
    window.remove(large)
    expect(window).toMatchObject({ isFull: false, parts: 0, bytes: 0 })
  })

  test('wakes who waits when there is room, and not before', async () => {
    const window = new Window(1, 1_000)
    const first = root(1)
    window.add(first)
    let isAwake = false
    const woken = window.room()!.then(() => {
      isAwake = true
    })
    window.wake()
    await Promise.resolve()
    expect(isAwake).toBe(false)
    window.shrink(1)
    window.remove(first)
    window.wake()
    await woken
    expect(window.room()).toBeUndefined()
  })

  test('knows the oldest, whichever is taken out', () => {
    const window = new Window(10, 1_000)
    const [a, b, c] = [root(1), root(1), root(1)]
    for (const one of [a, b, c]) window.add(one)
    window.remove(b)
    expect(window.oldest).toBe(a)
    window.remove(a)
    expect(window.oldest).toBe(c)
    window.remove(c)
    expect(window.oldest).toBeNull()
  })
})

describe('the failure budget', () => {
  test('is spent by so many failures within the time', async () => {
    const clock = virtualClock()
    const budget = new FailureBudget({ failures: 3, withinMs: 100 }, clock)
    expect(budget.spend('a')).toBeUndefined()
    await clock.advance(50)
    expect(budget.spend('b')).toBeUndefined()
    await clock.advance(50)
    expect(budget.spend('c')).toMatchObject({ code: 'MILL_FAILURE_BUDGET_SPENT', message: expect.stringContaining('the last: c') })
  })

  test('lasts for ever when they come slowly', async () => {
    const clock = virtualClock()
    const budget = new FailureBudget({ failures: 3, withinMs: 100 }, clock)
    for (let i = 0; i < 50; i++) {
      expect(budget.spend('x')).toBeUndefined()
      await clock.advance(51)
    }
  })

  test('of one failure ends at the first', () => {
    expect(new FailureBudget({ failures: 1, withinMs: 1 }, virtualClock()).spend('x')).toBeDefined()
  })

  test('is without end where none is set', () => {
    const budget = new FailureBudget(null, virtualClock())
    for (let i = 0; i < 1_000; i++) expect(budget.spend('x')).toBeUndefined()
  })
})

describe('back-off', () => {
  const delays = (count: number, random: () => number) => {
    const given: number[] = []
    for (let backoff = exponentialBackoff({ random }); given.length < count; backoff = backoff.next()) given.push(backoff.delayMs)
    return given
  }

  test('doubles from 100 ms up to 10 s', () => {
    expect(delays(9, () => 0)).toEqual([100, 200, 400, 800, 1_600, 3_200, 6_400, 10_000, 10_000])
  })

  test('is shortened by up to a half', () => {
    expect(delays(3, () => 1)).toEqual([50, 100, 200])
  })

  test('shares no state between two that go on from the same place', () => {
    const first = exponentialBackoff({ random: () => 0 })
    expect([first.next().delayMs, first.next().delayMs, first.delayMs]).toEqual([200, 200, 100])
  })
})

describe('persist', () => {
  test('tries again for as long as it takes, and tells of each wait and its end', async () => {
    const clock = virtualClock()
    let tries = 0
    let waits = 0
    let resumes = 0
    const work = async () => {
      if (++tries < 200) throw away()
      return 'done'
    }
    const options = { clock, signal: new AbortController().signal, onWait: () => void waits++, onResume: () => void resumes++ }
    expect(await clock.until(persist(work, options))).toBe('done')
    expect([tries, waits, resumes]).toEqual([200, 199, 199])
  })

  test('throws at once what is not retryable', async () => {
    const clock = virtualClock()
    const broken = persist(() => Promise.reject(new RangeError('no')), { clock, signal: new AbortController().signal })
    await expect(broken).rejects.toThrow('no')
    expect(clock.pending).toBe(0)
  })

  test('ends its wait with the signal, and leaves no timer', async () => {
    const clock = virtualClock()
    const controller = new AbortController()
    const waiting = persist(() => Promise.reject(away()), { clock, signal: controller.signal })
    waiting.catch(() => {})
    await clock.advance(10)
    controller.abort(new Error('over'))
    await expect(waiting).rejects.toThrow('over')
    expect(clock.pending).toBe(0)
  })
})

describe('limits', () => {
  const batch = resolveBatchLimits('sink s', undefined)

  test('have defaults', () => {
    expect(batch).toEqual({ maxRecords: 1_000, maxBytes: 4 * 1024 * 1024, maxWaitMs: 100 })
    expect(resolveLimits('p', undefined, batch, 2)).toMatchObject({ maxInFlight: 3_000, maxInFlightBytes: 12 * 1024 * 1024, stopAt: null })
  })

  test('refuse a window that never holds one batch', () => {
    expect(() => resolveLimits('p', { maxInFlight: 999 }, batch, 1)).toThrow(/a batch that large would never fill/)
  })

  test.each([
    [{ maxInFlight: 0 }, /maxInFlight to be a whole number from 1 up, got 0/],
    [{ stallMs: 1.5 }, /stallMs/],
    [{ stopAt: { failures: 0, withinMs: 5 } }, /stopAt/],
    [{ stopAt: { failures: 3 } }, /stopAt/],
    [{ maxInflight: 5 }, /did you mean maxInFlight/],
  ])('refuse %j', (given, message) => {
    expect(() => resolveLimits('p', given as never, batch, 1)).toThrow(message)
  })
})
