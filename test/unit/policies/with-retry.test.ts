import { from } from 'rxjs'
import { describe, expect, it } from 'vitest'
import { attemptsOf } from '../../../src/core/attempts.js'
import { exponentialBackoff } from '../../../src/core/backoff.js'
import { EnvelopeContext, type RecordContext } from '../../../src/core/record-context.js'
import { handle } from '../../../src/operators/handle.js'
import { type RetryOptions, withRetry } from '../../../src/policies/with-retry.js'
import { ManualClock, Records, settled } from '../../harness/records.js'

const away = (message = 'away') => Object.assign(new Error(message), { code: 'ECONNREFUSED' })
const even = exponentialBackoff({ jitter: 0 })

/** Calls a function that fails with these errors, one after the other, and then succeeds. */
async function retrying(errors: readonly unknown[], options: RetryOptions) {
  const clock = new ManualClock()
  let calls = 0
  const fn = () => {
    if (calls < errors.length) throw errors[calls++]
    calls++
    return 'well'
  }
  const outcome = withRetry(fn, { backoff: even, clock, ...options })().then(
    value => ({ value }),
    error => ({ error }),
  )
  await clock.advance()
  return { ...((await outcome) as { value?: string; error?: unknown }), calls, delays: clock.delays, pending: clock.pending }
}

const failures = (n: number) => Array.from({ length: n }, (_, i) => new Error(`no ${i + 1}`))

describe('withRetry', () => {
  it('gives the first result, without a pause', async () => {
    expect(await retrying([], { maxAttempts: 3 })).toEqual({ value: 'well', calls: 1, delays: [], pending: 0 })
  })

  it('calls again after growing pauses', async () => {
    expect(await retrying(failures(9), { maxAttempts: 10 })).toEqual({
      value: 'well',
      calls: 10,
      delays: [100, 200, 400, 800, 1600, 3200, 6400, 10_000, 10_000],
      pending: 0,
    })
  })

  it('takes a back-off, which calls do not share', async () => {
    const clock = new ManualClock()
    const backoff = exponentialBackoff({ initialMs: 10, maxMs: 20, factor: 2, jitter: 0 })
    let calls = 0
    const work = withRetry(() => (++calls % 4 === 0 ? Promise.resolve(calls) : Promise.reject(new Error('no'))), {
      maxAttempts: 4,
      backoff,
      clock,
    })
    const first = work()
    await clock.advance()
    const second = work()
    await clock.advance()
    expect(await Promise.all([first, second])).toEqual([4, 8])
    expect(clock.delays).toEqual([10, 20, 20, 10, 20, 20])
  })

  it('throws the last error, with all its tries', async () => {
    const errors = failures(5)
    const { error, calls, delays } = await retrying(errors, { maxAttempts: 3 })
    expect({ calls, delays }).toEqual({ calls: 3, delays: [100, 200] })
    expect(error).toBe(errors[2])
    expect(attemptsOf(error, 0)).toEqual([
      { at: 0, error: errors[0] },
      { at: 100, error: errors[1] },
      { at: 300, error: errors[2] },
    ])
  })

  it('does not try again what retryIf refuses', async () => {
    const { error, calls } = await retrying([new TypeError('no')], { maxAttempts: 3, retryIf: error => !(error instanceof TypeError) })
    expect(error).toBeInstanceOf(TypeError)
    expect(calls).toBe(1)
  })

  it('has bounds and pauses for classes of errors', async () => {
    const on = [
      { error: RangeError, maxAttempts: 5, backoff: exponentialBackoff({ initialMs: 1, jitter: 0 }) },
      { error: TypeError, maxAttempts: 1 },
    ]
    const range = Array.from({ length: 4 }, () => new RangeError('r'))
    expect(await retrying(range, { maxAttempts: 2, on })).toMatchObject({ value: 'well', delays: [1, 2, 4, 8] })
    expect(await retrying([new TypeError('t')], { maxAttempts: 9, on })).toMatchObject({ calls: 1, error: { message: 't' } })
    expect(
      await retrying([new RangeError('r'), new Error('a'), new RangeError('r'), new Error('b')], { maxAttempts: 2, on }),
    ).toMatchObject({
      calls: 4,
      error: { message: 'b' },
      delays: [1, 100, 2],
    })
  })

  describe('where infrastructure is away', () => {
    it('waits as long as it takes, which does not count', async () => {
      const errors = [...Array.from({ length: 200 }, () => away()), new Error('own'), away()]
      const { value, calls } = await retrying(errors, { maxAttempts: 2 })
      expect({ value, calls }).toEqual({ value: 'well', calls: 203 })
    })

    it('does not let retryIf shorten that', async () => {
      expect(await retrying([away()], { maxAttempts: 1, retryIf: () => false })).toMatchObject({ value: 'well' })
    })

    it(`gives up with onAway: 'quarantine', with an error that nobody waits for`, async () => {
      const { error, calls } = await retrying([away('a'), away('b'), away('c')], { maxAttempts: 2, onAway: 'quarantine' })
      expect(calls).toBe(2)
      expect(error).toMatchObject({ code: 'MILL_ATTEMPTS_SPENT', retryable: false, cause: { message: 'b' } })
      expect(attemptsOf(error, 0).map(one => (one.error as Error).message)).toEqual(['a', 'b'])
    })

    it('remembers of very many tries the first and the latest', async () => {
      const errors = Array.from({ length: 500 }, (_, i) => away(`${i}`))
      const { error } = await retrying([...errors, new Error('own')], { maxAttempts: 1 })
      const messages = attemptsOf(error, 0).map(one => (one.error as Error).message)
      expect(messages).toHaveLength(100)
      expect([messages[0], messages[1], messages.at(-1)]).toEqual(['0', '402', 'own'])
    })
  })

  describe('with the context of a record', () => {
    const contextOf = (records: Records, attempt = 1) => new EnvelopeContext(records.record('v'), attempt)

    it('hands it on with the next attempt, wherever it stands, and takes the clock of the run', async () => {
      const clock = new ManualClock()
      const records = new Records(clock)
      const attempts: number[] = []
      const work = withRetry(
        (_: string, context: RecordContext) => {
          attempts.push(context.attempt)
          if (attempts.length < 3) throw new Error('no')
          return context.origin.position
        },
        { maxAttempts: 3, backoff: even },
      )
      const result = work('v', contextOf(records, 4))
      await clock.advance()
      expect(await result).toBe(0)
      expect(attempts).toEqual([4, 5, 6])
      expect(clock.delays).toEqual([100, 200])
    })

    it('stops waiting when the run is aborted', async () => {
      const clock = new ManualClock()
      const records = new Records(clock)
      const work = withRetry((_: RecordContext) => Promise.reject(away()), { maxAttempts: 3 })
      const result = work(contextOf(records)).catch((error: unknown) => error)
      await settled()
      expect(records.waiting).toBe(1)
      const reason = new Error('stop')
      records.controller.abort(reason)
      expect(await result).toBe(reason)
      expect(clock.pending).toBe(0)
      expect(records.waiting).toBe(0)
    })

    it('tells the run once that it waits, within handle too', async () => {
      const clock = new ManualClock()
      const records = new Records(clock)
      const work = withRetry(
        async (value: number, { attempt }: RecordContext) => {
          if (attempt < 5) throw away()
          if (value === 2) throw new Error('own')
          return value
        },
        { maxAttempts: 2 },
      )
      from(records.records([1, 2]))
        .pipe(handle(work))
        .subscribe(record => records.deliver(record))
      await clock.advance()
      expect(records.told).toEqual({ 0: 'delivered 1', 1: 'failed own in handle' })
      expect(records).toMatchObject({ waiting: 0, working: 0 })
      expect(records.reasons).toHaveLength(2)
    })

    it(`fails the record in handle with onAway: 'quarantine'`, async () => {
      const clock = new ManualClock()
      const records = new Records(clock)
      from(records.records([1]))
        .pipe(
          handle(
            withRetry(
              async (_: number): Promise<number> => {
                throw away()
              },
              { maxAttempts: 3, onAway: 'quarantine' },
            ),
          ),
        )
        .subscribe()
      await clock.advance()
      expect(records.told).toEqual({ 0: 'failed MILL_ATTEMPTS_SPENT in handle' })
      expect(attemptsOf(records.errorOf('0'), 0)).toHaveLength(3)
    })
  })

  it.each([
    [{ maxAttempts: 0 }, 'withRetry: expected maxAttempts to be a whole number from 1 up, got 0'],
    [{}, 'withRetry: expected maxAttempts to be a whole number from 1 up, got nothing'],
    [{ maxAttempts: 1, retries: 2 }, 'withRetry: there is no option retries'],
    [{ maxAttempts: 1, onAway: 'halt' }, 'withRetry: expected onAway to be one of "wait", "quarantine"'],
    [{ maxAttempts: 1, on: [{ error: 'TypeError' }] }, 'withRetry on: expected error to be a function'],
    [{ maxAttempts: 1, backoff: 100 }, 'withRetry: expected backoff to be a back-off, got 100'],
  ])('refuses %j at definition', (options, message) => {
    expect(() => withRetry(() => 1, options as RetryOptions)).toThrow(message)
  })
})
