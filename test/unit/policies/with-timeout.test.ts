import { from } from 'rxjs'
import { describe, expect, it } from 'vitest'
import { delay } from '../../../src/core/clock.js'
import { EnvelopeContext, type RecordContext } from '../../../src/core/record-context.js'
import { handle } from '../../../src/operators/handle.js'
import { withRetry } from '../../../src/policies/with-retry.js'
import { withTimeout } from '../../../src/policies/with-timeout.js'
import { ManualClock, Records, settled } from '../../harness/records.js'

const told = <T>(promise: Promise<T>) =>
  promise.then(
    value => ({ value }),
    (error: unknown) => ({ error }),
  )

describe('withTimeout', () => {
  it('gives the result and clears its timer', async () => {
    const clock = new ManualClock()
    expect(await withTimeout((a: number, b: number) => a + b, { ms: 50, clock })(1, 2)).toBe(3)
    expect(await withTimeout(async () => 'later', { ms: 50, clock })()).toBe('later')
    expect(clock.pending).toBe(0)
  })

  it('passes a throw and a rejection on and clears its timer', async () => {
    const clock = new ManualClock()
    const throws = withTimeout(
      (): number => {
        throw new Error('at once')
      },
      { ms: 50, clock },
    )
    const rejects = withTimeout(() => Promise.reject(new Error('later')), { ms: 50, clock })
    expect(await told(throws())).toMatchObject({ error: { message: 'at once' } })
    expect(await told(rejects())).toMatchObject({ error: { message: 'later' } })
    expect(clock.pending).toBe(0)
  })

  it('fails what takes longer, with a name and the time', async () => {
    const clock = new ManualClock()
    const result = told(
      withTimeout(
        function lookUp() {
          return new Promise<number>(() => {})
        },
        { ms: 50, clock },
      )(),
    )
    await clock.advance(49)
    expect(clock.pending).toBe(1)
    await clock.advance(1)
    expect(await result).toMatchObject({ error: { code: 'MILL_TIMED_OUT', message: 'lookUp took longer than 50 ms', retryable: false } })
  })

  it('takes a rejection along that comes after the time is over', async () => {
    const clock = new ManualClock()
    const result = told(
      withTimeout(
        () =>
          delay(clock, 60).then(() => {
            throw new Error('late')
          }),
        { ms: 50, clock },
      )(),
    )
    await clock.advance()
    expect(await result).toMatchObject({ error: { code: 'MILL_TIMED_OUT' } })
    // An unhandled rejection would end this process here.
    await settled()
  })

  it('aborts the signal of the context that it hands on, and no other', async () => {
    const clock = new ManualClock()
    const records = new Records(clock)
    const signals: AbortSignal[] = []
    const work = withTimeout((_: string, { signal }: RecordContext) => (signals.push(signal), delay(clock, 60, signal)), { ms: 50 })
    const result = told(work('v', new EnvelopeContext(records.record('v'), 1)))
    await clock.advance()
    expect(await result).toMatchObject({ error: { code: 'MILL_TIMED_OUT' } })
    expect(signals[0]!.reason).toMatchObject({ code: 'MILL_TIMED_OUT' })
    expect(records.flow.signal.aborted).toBe(false)
    expect(clock.pending).toBe(0)
  })

  it('fails with the reason when the run is aborted, before or during the call', async () => {
    const clock = new ManualClock()
    const records = new Records(clock)
    const context = new EnvelopeContext(records.record('v'), 1)
    let inner: AbortSignal | undefined
    const work = withTimeout(
      ({ signal }: RecordContext) => {
        inner = signal
        return new Promise<number>(() => {})
      },
      { ms: 50 },
    )
    const during = told(work(context))
    const reason = new Error('stop')
    records.controller.abort(reason)
    expect(await during).toEqual({ error: reason })
    expect(inner!.reason).toBe(reason)
    expect(await told(work(context))).toEqual({ error: reason })
    expect(clock.pending).toBe(0)
  })

  it('is tried again by withRetry within handle', async () => {
    const clock = new ManualClock()
    const records = new Records(clock)
    const slowAtFirst = (value: number, { attempt, signal }: RecordContext) =>
      delay(clock, attempt === 1 ? 500 : 5, signal).then(() => value)
    from(records.records([7]))
      .pipe(handle(withRetry(withTimeout(slowAtFirst, { ms: 50 }), { maxAttempts: 2 })))
      .subscribe(record => records.deliver(record))
    await clock.advance()
    expect(records.told).toEqual({ 0: 'delivered 7' })
    expect(clock.pending).toBe(0)
  })

  it.each([
    [{ ms: 0 }, 'withTimeout: expected ms to be a whole number from 1 up, got 0'],
    [{ ms: 5, millis: 1 }, 'withTimeout: there is no option millis'],
  ])('refuses %j at definition', (options, message) => {
    expect(() => withTimeout(() => 1, options)).toThrow(message)
  })
})
