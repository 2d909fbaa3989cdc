import { from, Subject, take } from 'rxjs'
import { describe, expect, it } from 'vitest'
import { attemptsOf } from '../../../src/core/attempts.js'
import { delay } from '../../../src/core/clock.js'
import type { Envelope } from '../../../src/core/envelope.js'
import type { RecordContext } from '../../../src/core/record-context.js'
import { type HandleOptions, handle } from '../../../src/operators/handle.js'
import { behavesAsOperator } from '../../harness/marbles.js'
import { ManualClock, Records, settled } from '../../harness/records.js'

interface Work {
  readonly name: string
  readonly key?: string | null
  readonly ms?: number
}

const away = () => Object.assign(new Error('away'), { retryable: true })

/** A running `handle` whose function takes `ms` of each value on a clock that the test moves. */
function start<Out extends {} | null = string>(
  options: HandleOptions<Work> = {},
  fn?: (value: Work, context: RecordContext) => Out | Promise<Out>,
) {
  const clock = new ManualClock()
  const records = new Records(clock)
  const source = new Subject<Envelope<Work>>()
  const started: string[] = []
  let ended: 'completed' | 'failed' | undefined
  const work = fn ?? (async (value: Work) => (await delay(clock, value.ms ?? 0), value.name))
  const subscription = source
    .pipe(handle((value: Work, context) => (started.push(value.name), work(value, context) as Out), options))
    .subscribe({
      next: record => records.deliver(record),
      error: () => {
        ended = 'failed'
      },
      complete: () => {
        ended = 'completed'
      },
    })
  const push = (...given: Work[]) => {
    for (const value of given) source.next(records.record(value, { key: value.key ?? null }))
  }
  return { clock, records, source, started, subscription, push, ended: () => ended }
}

describe('handle', () => {
  const tenfold = (value: number) => {
    if (value < 0) throw new Error('negative')
    return value * 10
  }
  for (const order of ['source', 'key', 'none'] as const) {
    describe(`order ${order}`, () => {
      behavesAsOperator({
        operator: handle(tenfold, { order, concurrency: 2 }),
        inputs: [1, 2, 3],
        outputs: [10, 20, 30],
        failing: -1,
        stage: 'handle',
      })
    })
  }

  it('makes no promise, began nothing and queues nothing where the function is synchronous', () => {
    const records = new Records()
    const seen: number[] = []
    from(records.records([1, 2, 3]))
      .pipe(handle(tenfold))
      .subscribe(record => seen.push(record.value))
    expect(seen).toEqual([10, 20, 30])
    expect(records.mostWorking).toBe(0)
  })

  it('works on one record at a time unless told otherwise, in the order of the source', async () => {
    const { clock, records, push } = start()
    push({ name: 'a', ms: 30 }, { name: 'b', ms: 10 }, { name: 'c', ms: 20 })
    await clock.advance()
    expect(records.values).toEqual(['a', 'b', 'c'])
    expect(records.mostWorking).toBe(1)
    expect(clock.now()).toBe(60)
  })

  it('with order source holds what is finished behind what is older', async () => {
    const { clock, records, push, started } = start({ concurrency: 2 })
    push({ name: 'a', ms: 30 }, { name: 'b', ms: 10 }, { name: 'c', ms: 10 }, { name: 'd', ms: 100 })
    await clock.advance(29)
    expect(started).toEqual(['a', 'b', 'c', 'd'])
    expect(records.values).toEqual([])
    await clock.advance(1)
    expect(records.values).toEqual(['a', 'b', 'c'])
    await clock.advance()
    expect(records.values).toEqual(['a', 'b', 'c', 'd'])
    expect(records.mostWorking).toBe(2)
  })

  it('with order source holds a synchronous result behind a pending one', async () => {
    const clock = new ManualClock()
    const { records, push } = start({ concurrency: 2 }, value => (value.ms ? delay(clock, value.ms).then(() => value.name) : value.name))
    push({ name: 'a', ms: 5 }, { name: 'b' }, { name: 'c' })
    expect(records.values).toEqual([])
    await clock.advance()
    expect(records.values).toEqual(['a', 'b', 'c'])
  })

  it('with order none gives what is finished', async () => {
    const { clock, records, push } = start({ concurrency: 3, order: 'none' })
    push({ name: 'a', ms: 30 }, { name: 'b', ms: 10 }, { name: 'c', ms: 20 })
    await clock.advance()
    expect(records.values).toEqual(['b', 'c', 'a'])
  })

  it('with order key lets a slow key hold no other', async () => {
    const { clock, records, push } = start({ concurrency: 2, order: 'key' })
    push({ name: 'a1', key: 'a', ms: 100 }, { name: 'a2', key: 'a', ms: 1 }, { name: 'a3', key: 'a', ms: 1 })
    push(
      { name: 'b1', key: 'b', ms: 10 },
      { name: 'c1', key: 'c', ms: 10 },
      { name: 'b2', key: 'b', ms: 10 },
      { name: 'x', key: null, ms: 1 },
    )
    await clock.advance(50)
    expect(records.values).toEqual(['b1', 'c1', 'x', 'b2'])
    await clock.advance()
    expect(records.values.slice(4)).toEqual(['a1', 'a2', 'a3'])
  })

  it('with order key goes on with a key whose record failed', async () => {
    const { clock, records, push } = start({ order: 'key', concurrency: 2 }, async (value, { signal }) => {
      await delay(clock, value.ms ?? 0, signal)
      if (value.name === 'a1') throw new Error('no')
      return value.name
    })
    push({ name: 'a1', key: 'a', ms: 5 }, { name: 'a2', key: 'a', ms: 5 })
    await clock.advance()
    expect(records.told).toEqual({ 0: 'failed no in handle', 1: 'delivered "a2"' })
  })

  it('takes the key from the value where a function says so, null being without order', async () => {
    const { clock, records, push } = start({
      order: 'key',
      concurrency: 4,
      key: value => (value.name.startsWith('x') ? null : value.name[0]!),
    })
    push({ name: 'a1', ms: 9 }, { name: 'a2', ms: 1 }, { name: 'x1', ms: 4 }, { name: 'x2', ms: 3 })
    await clock.advance()
    expect(records.values).toEqual(['x2', 'x1', 'a1', 'a2'])
  })

  it('fails the record for which the key function throws', async () => {
    const { records, push } = start({
      order: 'key',
      key: () => {
        throw new Error('no key')
      },
    })
    push({ name: 'a' })
    expect(records.told).toEqual({ 0: 'failed no key in handle' })
  })

  it('forgets keys that are done', async () => {
    const { Handling } = await import('../../../src/operators/handling.js')
    const records = new Records()
    const handling = new Handling<number, number>(
      {
        stage: 'handle',
        run: record => Promise.resolve(record.value),
        concurrency: 2,
        order: 'key',
        keyOf: record => `${record.value % 5}`,
      },
      { next: record => records.deliver(record), idle() {} },
    )
    for (const record of records.records([...Array(100).keys()])) handling.take(record)
    await settled()
    expect(records.values).toHaveLength(100)
    expect(handling['lanes'].size).toBe(0)
  })

  it('skips, and fails what is missing or rejected, each for itself', async () => {
    const { clock, records, push } = start<string>({ concurrency: 4, order: 'none' }, async (value, context) => {
      if (value.name === 'skip') return context.skip('unwanted') as never
      if (value.name === 'nothing') return undefined as never
      if (value.name === 'reject') throw new TypeError('wrong')
      return value.name
    })
    push({ name: 'skip' }, { name: 'nothing' }, { name: 'reject' }, { name: 'fine' })
    await clock.advance()
    expect(records.told).toEqual({
      0: 'skipped unwanted',
      1: 'failed MILL_RESULT_MISSING in handle',
      2: 'failed wrong in handle',
      3: 'delivered "fine"',
    })
  })

  it('takes any thenable, and hears it once', async () => {
    // biome-ignore lint/suspicious/noThenProperty: the test is about one
    const thenable = { then: (resolve: (value: string) => void) => (resolve('first'), resolve('second')) }
    const { clock, records, push } = start<string>({}, () => thenable as never)
    push({ name: 'a' })
    await clock.advance()
    expect(records.values).toEqual(['first'])
  })

  it('completes after what is pending has gone out', async () => {
    const { clock, records, push, source, ended } = start({ concurrency: 2 })
    push({ name: 'a', ms: 10 }, { name: 'b', ms: 10 }, { name: 'c', ms: 10 })
    source.complete()
    await clock.advance(10)
    expect(ended()).toBeUndefined()
    await clock.advance()
    expect(ended()).toBe('completed')
    expect(records.values).toEqual(['a', 'b', 'c'])
  })

  it('completes where the last pending record fails or is skipped', async () => {
    const { clock, push, source, ended } = start<string>({}, async (value, context) => {
      if (value.name === 'a') return context.skip('x') as never
      throw new Error('no')
    })
    push({ name: 'a' }, { name: 'b' })
    source.complete()
    await clock.advance()
    expect(ended()).toBe('completed')
  })

  it('passes an error of its source on at once and drops what is pending', async () => {
    const { clock, records, push, source, ended } = start()
    push({ name: 'a', ms: 10 })
    source.error(new Error('gone'))
    expect(ended()).toBe('failed')
    await clock.advance()
    expect(records.settled).toEqual([])
    expect(records.working).toBe(0)
  })

  it('drops results after it was left, and lets its timers go', async () => {
    const { clock, records, push, subscription } = start<string>({ concurrency: 2, order: 'none' }, async value => {
      if (value.name === 'away') throw away()
      await delay(clock, 10)
      return value.name
    })
    push({ name: 'a' }, { name: 'away' }, { name: 'queued' })
    await settled()
    expect(records.working).toBe(2)
    subscription.unsubscribe()
    expect(records).toMatchObject({ working: 0, waiting: 0 })
    expect(clock.pending).toBe(1)
    await clock.advance()
    expect(records.settled).toEqual([])
  })

  it('starts nothing more when whoever is below leaves while a result goes out', async () => {
    const clock = new ManualClock()
    const records = new Records(clock)
    const started: number[] = []
    const work = async (value: number) => (started.push(value), await delay(clock, 1), value)
    from(records.records([1, 2, 3]))
      .pipe(handle(work), take(1))
      .subscribe(record => records.deliver(record))
    await clock.advance()
    expect(started).toEqual([1])
    expect(records.working).toBe(0)
  })

  it('settles nothing after the run was aborted, whatever still comes', async () => {
    const { clock, records, push } = start<string>({ concurrency: 3, order: 'none' }, async (value, { signal }) => {
      if (value.name === 'away') throw away()
      await delay(clock, 10, value.name === 'heeds' ? signal : undefined)
      if (value.name === 'throws') throw new Error('late')
      return value.name
    })
    push({ name: 'heeds' }, { name: 'throws' }, { name: 'away' }, { name: 'queued' })
    await settled()
    records.controller.abort(new Error('stop'))
    push({ name: 'after' })
    await clock.advance()
    expect(records.settled).toEqual([])
    expect(records).toMatchObject({ working: 0, waiting: 0 })
    expect(clock.pending).toBe(0)
  })

  it('settles nothing where the function aborts and throws in one go', () => {
    const { records, push } = start<string>({}, () => {
      records.controller.abort()
      throw new Error('x')
    })
    push({ name: 'a' })
    expect(records.settled).toEqual([])
  })

  it('leaves no listener at the signal of the run', async () => {
    let listeners = 0
    const records = new Records()
    const { signal } = records.flow
    const add = signal.addEventListener.bind(signal)
    const remove = signal.removeEventListener.bind(signal)
    signal.addEventListener = (...args: Parameters<typeof add>) => (listeners++, add(...args))
    signal.removeEventListener = (...args: Parameters<typeof remove>) => (listeners--, remove(...args))
    from(records.records([1, 2]))
      .pipe(handle(async value => value))
      .subscribe(record => records.deliver(record))
    expect(listeners).toBe(1)
    await settled()
    expect(records.values).toEqual([1, 2])
    expect(listeners).toBe(0)
  })

  describe('where infrastructure is away (law 6)', () => {
    it('waits as long as it takes, with growing pauses and the next attempt', async () => {
      const attempts: number[] = []
      const { clock, records, push } = start<string>({}, async (value, { attempt }) => {
        attempts.push(attempt)
        if (attempt < 30) throw away()
        return value.name
      })
      push({ name: 'a' })
      await clock.advance()
      expect(records.values).toEqual(['a'])
      expect(attempts).toEqual(Array.from({ length: 30 }, (_, i) => i + 1))
      const bounds = clock.delays.map((_, i) => Math.min(100 * 2 ** i, 10_000))
      for (const [i, ms] of clock.delays.entries()) {
        expect(ms).toBeGreaterThanOrEqual(bounds[i]! / 2)
        expect(ms).toBeLessThanOrEqual(bounds[i]!)
      }
    })

    it('tells the run once that it waits, and once that it goes on', async () => {
      const { clock, records, push } = start<string>({}, (value, { attempt }) => {
        if (attempt < 4) throw away()
        return value.name
      })
      push({ name: 'a' })
      await settled()
      expect(records).toMatchObject({ waiting: 1, working: 1 })
      await clock.advance()
      expect(records).toMatchObject({ waiting: 0, working: 0, values: ['a'] })
      expect(records.reasons).toHaveLength(1)
    })

    it('keeps the place of the record: order and concurrency hold', async () => {
      const { clock, records, push, started } = start<string>({ concurrency: 1 }, async (value, { attempt }) => {
        if (value.name === 'a' && attempt < 5) throw away()
        return value.name
      })
      push({ name: 'a' }, { name: 'b' })
      await clock.advance()
      expect(started).toEqual(['a', 'a', 'a', 'a', 'a', 'b'])
      expect(records.values).toEqual(['a', 'b'])
    })

    it('holds only its own key', async () => {
      const { clock, records, push } = start<string>({ concurrency: 2, order: 'key' }, async (value, { attempt }) => {
        if (value.name === 'a1' && attempt < 5) throw away()
        return value.name
      })
      push({ name: 'a1', key: 'a' }, { name: 'a2', key: 'a' }, { name: 'b1', key: 'b' }, { name: 'b2', key: 'b' })
      await clock.advance()
      expect(records.values).toEqual(['b1', 'b2', 'a1', 'a2'])
    })

    it('fails the record with all its tries when the error becomes its own', async () => {
      const { clock, records, push } = start<string>({}, async (_, { attempt }) => {
        if (attempt < 3) throw away()
        throw new RangeError('the record')
      })
      push({ name: 'a' })
      await clock.advance()
      const error = records.errorOf('0')
      expect(error).toBeInstanceOf(RangeError)
      expect(attemptsOf(error, 0).map(({ error: one }) => (one as Error).message)).toEqual(['away', 'away', 'the record'])
    })
  })

  it.each([
    [{ concurrency: 0 }, 'handle: expected concurrency to be a whole number from 1 up, got 0'],
    [{ order: 'random' }, `handle: expected order to be one of "source", "key", "none", got "random"`],
    [{ concurency: 2 }, 'handle: there is no option concurency; did you mean concurrency?'],
    [{ key: () => 'k' }, `handle: expected key to be left out unless order is 'key', got order 'source'`],
  ])('refuses %o at definition', (options, message) => {
    expect(() => handle(() => 1, options as HandleOptions<unknown>)).toThrow(message)
  })
})
