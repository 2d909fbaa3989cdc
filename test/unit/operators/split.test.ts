import fc from 'fast-check'
import { from, Subject } from 'rxjs'
import { describe, expect, it } from 'vitest'
import { delay } from '../../../src/core/clock.js'
import type { Envelope } from '../../../src/core/envelope.js'
import type { Operator } from '../../../src/core/operator.js'
import type { RecordContext } from '../../../src/core/record-context.js'
import { split } from '../../../src/operators/split.js'
import { behavesAsOperator } from '../../harness/marbles.js'
import { ManualClock, Records, settled } from '../../harness/records.js'

type Fn<In> = (value: In, context: RecordContext) => unknown

const splitBy = <In>(fn: Fn<In>) => split(fn as (value: In) => unknown[])

function run<In>(operator: Operator<In, unknown>, values: readonly In[], records = new Records()): Records {
  from(records.records(values))
    .pipe(operator)
    .subscribe(record => records.deliver(record))
  return records
}

const away = () => Object.assign(new Error('away'), { retryable: true })

describe('split', () => {
  behavesAsOperator({
    operator: splitBy((value: number) => {
      if (value < 0) throw new Error('negative')
      return [value * 10]
    }),
    inputs: [1, 2, 3],
    outputs: [10, 20, 30],
    failing: -1,
    stage: 'split',
  })

  it.each<[string, Fn<number>]>([
    ['an array', value => [value, value + 1]],
    ['a set', value => new Set([value, value + 1])],
    [
      'a generator',
      function* (value) {
        yield value
        yield value + 1
      },
    ],
  ])('makes many of one by %s, known by their index', (_, fn) => {
    expect(run(splitBy(fn), [1, 5]).told).toEqual({
      '0#0': 'delivered 1',
      '0#1': 'delivered 2',
      '1#0': 'delivered 5',
      '1#1': 'delivered 6',
    })
  })

  it('names children of children', () => {
    const records = new Records()
    from(records.records(['ab cd', 'e']))
      .pipe(
        split(text => text.split(' ')),
        split(word => [...word]),
      )
      .subscribe(record => records.deliver(record))
    expect(Object.keys(records.told)).toEqual(['0#0.0', '0#0.1', '0#1.0', '0#1.1', '1#0.0'])
    expect(records.open).toEqual([])
  })

  it('gives each path once, whatever the tree, and settles the record with the last', () => {
    const { tree } = fc.letrec<{ tree: unknown }>(tie => ({
      tree: fc.array(fc.oneof({ maxDepth: 2 }, fc.constant(1), tie('tree')), { maxLength: 4 }),
    }))
    const paths = (value: unknown, path: string, depth: number): string[] =>
      depth === 0 || !Array.isArray(value) || value.length === 0
        ? [path]
        : value.flatMap((inner, i) => paths(inner, path === '' ? `${i}` : `${path}.${i}`, depth - 1))
    const inner = splitBy((value: unknown) => (Array.isArray(value) ? value : [value]))
    fc.assert(
      fc.property(tree, value => {
        const records = new Records()
        from(records.records([value]))
          .pipe(inner, inner)
          .subscribe(record => records.deliver(record))
        const wrapped = (one: unknown): unknown => (Array.isArray(one) ? one : [one])
        const twice = (wrapped(value) as unknown[]).map(wrapped)
        expect([...records.outcomes.keys()].toSorted()).toEqual(
          paths(twice, '', 2)
            .map(path => (path === '' ? '0' : `0#${path}`))
            .toSorted(),
        )
        expect(records.open).toEqual([])
      }),
    )
  })

  it('skips a record that becomes none, or that says so', () => {
    expect(
      run(
        splitBy((value: number, context) => (value === 0 ? [] : context.skip('unwanted'))),
        [0, 1],
      ).told,
    ).toEqual({
      0: 'skipped split into nothing',
      1: 'skipped unwanted',
    })
  })

  it.each([undefined, 7, 'text', { length: 1 }])('fails a record of which it makes %j', result => {
    expect(
      run(
        splitBy(() => result),
        [1],
      ).told,
    ).toEqual({ 0: 'failed MILL_RESULT_MISSING in split' })
  })

  it('fails a record whose generator throws, before any child is out', () => {
    const records = run(
      splitBy(function* () {
        yield 1
        throw new Error('broken')
      }),
      [1],
    )
    expect(records.told).toEqual({ 0: 'failed broken in split' })
  })

  it('gives on a replay only the wanted child', () => {
    const records = new Records()
    const origin = { source: 'test', partition: '0', position: 9, part: '1' }
    from([records.record('a b c', { origin })])
      .pipe(split(text => text.split(' ')))
      .subscribe(record => records.deliver(record))
    expect(records.told).toEqual({ '9#1': 'delivered "b"' })
  })

  describe('by an async iterable', () => {
    const counting = (clock: ManualClock, ms = 1) =>
      async function* (upTo: number) {
        for (let i = 0; i < upTo; i++) {
          await delay(clock, ms)
          yield i
        }
      }

    it('gives on what comes as it comes, one record after the other', async () => {
      const clock = new ManualClock()
      const records = run(split(counting(clock)), [2, 0, 3], new Records(clock))
      await clock.advance(1)
      expect(records.settled).toEqual(['0#0'])
      await clock.advance()
      expect(records.settled).toEqual(['0#0', '0#1', '1', '2#0', '2#1', '2#2'])
      expect(records.told[1]).toBe('skipped split into nothing')
      expect(records).toMatchObject({ open: [], working: 0, mostWorking: 1 })
    })

    it('keeps later records behind an earlier one, those of arrays too', async () => {
      const clock = new ManualClock()
      const records = run(
        splitBy((value: number) => (value > 1 ? counting(clock)(value) : ['x'])),
        [2, 1],
        new Records(clock),
      )
      await clock.advance()
      expect(records.settled).toEqual(['0#0', '0#1', '1#0'])
    })

    it('waits for room before each child', async () => {
      const clock = new ManualClock()
      const records = new Records(clock)
      let makeRoom = () => {}
      records.room = new Promise(resolve => {
        makeRoom = resolve
      })
      run(split(counting(clock)), [3], records)
      await clock.advance()
      expect(records.settled).toEqual([])
      records.room = undefined
      makeRoom()
      await clock.advance()
      expect(records.settled).toEqual(['0#0', '0#1', '0#2'])
    })

    it('fails the record when it breaks; its children settle for themselves', async () => {
      const clock = new ManualClock()
      const records = run(
        split(async function* (value: number) {
          yield value
          throw new Error('broken')
        }),
        [1],
        new Records(clock),
      )
      await clock.advance()
      expect(records.told).toEqual({ '0#0': 'delivered 1', 0: 'failed broken in split' })
      expect(records.open).toEqual([])
    })

    it('asks anew where infrastructure was away, and passes over what was given', async () => {
      const clock = new ManualClock()
      const attempts: number[] = []
      const fn = async function* (value: number, { attempt }: RecordContext) {
        attempts.push(attempt)
        for (let i = 0; i < value; i++) {
          if (i >= attempt) throw away()
          yield i
        }
      }
      const records = run(split(fn), [3, 1], new Records(clock))
      await clock.advance()
      expect(attempts).toEqual([1, 2, 3, 1])
      expect(records.settled).toEqual(['0#0', '0#1', '0#2', '1#0'])
      expect(records).toMatchObject({ open: [], waiting: 0 })
    })

    it('completes after the last child', async () => {
      const clock = new ManualClock()
      const records = new Records(clock)
      const events: string[] = []
      from(records.records([2]))
        .pipe(split(counting(clock)))
        .subscribe({ next: record => events.push(`${record.value}`), complete: () => events.push('complete') })
      await clock.advance()
      expect(events).toEqual(['0', '1', 'complete'])
    })

    it.each(['left', 'aborted'])('gives nothing more after it was %s, and ends the iterable', async how => {
      const clock = new ManualClock()
      const records = new Records(clock)
      const source = new Subject<Envelope<number>>()
      let isEnded = false
      const fn = async function* () {
        try {
          for (let i = 0; ; i++) {
            await delay(clock, 1)
            yield i
          }
        } finally {
          isEnded = true
        }
      }
      const subscription = source.pipe(split(fn)).subscribe(record => records.deliver(record))
      source.next(records.record(1))
      await clock.advance(2)
      if (how === 'left') subscription.unsubscribe()
      else records.controller.abort()
      await clock.advance(1)
      await settled()
      expect(records.settled).toEqual(['0#0', '0#1'])
      expect(isEnded).toBe(true)
      expect(records.working).toBe(0)
    })
  })
})
