import { from, take, tap } from 'rxjs'
import { describe, expect, it } from 'vitest'
import type { Envelope } from '../../../src/core/envelope.js'
import { GivenStream } from '../../../src/core/given-stream.js'
import { type ValueStep, valueOperator } from '../../../src/core/value-operator.js'
import { testRecords } from '../../../src/testing/records.js'

const bytes = (text: string): Uint8Array => Buffer.from(text)

/** Steps that say when they were called, and fail what is called `bad`. */
function told(stage: string, calls: string[], change: (text: string) => string = text => text) {
  const step: ValueStep = value => {
    const text = typeof value === 'string' ? value : Buffer.from(value as Uint8Array).toString()
    calls.push(`${stage} ${text}`)
    if (text === `bad ${stage}`) throw new Error(text)
    return change(text)
  }
  return valueOperator<unknown, unknown>(stage, () => [step])
}

/** A source whose reads are given by hand: which records of a read go into the steps. */
function source<T>(
  records: readonly Envelope<T>[],
  reads: readonly { readonly of: readonly number[]; readonly give: readonly number[] }[],
) {
  const stream: GivenStream<T> = new GivenStream(subscriber => {
    for (const { of, give } of reads) {
      const given = { batch: of.map(i => ({ value: records[i]!.value })), at: -1 }
      stream.given = given
      for (const at of give) {
        given.at = at
        subscriber.next(records[of[at]!]!)
      }
      given.batch = []
    }
    subscriber.complete()
  })
  return stream
}

const range = (count: number) => Array.from({ length: count }, (_, i) => i)

describe('an operator of value steps', () => {
  it('runs each step for some records before the next, and gives each record in its turn', () => {
    const calls: string[] = []
    testRecords(['a', 'b', 'c'].map(bytes))
      .stream.pipe(
        told('one', calls, text => text.toUpperCase()),
        told('two', calls, text => `${text}!`),
      )
      .subscribe(({ value }) => calls.push(`got ${value}`))
    expect(calls).toEqual(['one a', 'one b', 'one c', 'two A', 'two B', 'two C', 'got A!', 'got B!', 'got C!'])
  })

  it('takes one record at a time where something stands between it and the source', () => {
    const calls: string[] = []
    testRecords(['a', 'b'].map(bytes))
      .stream.pipe(
        tap(() => {}),
        told('one', calls),
        told('two', calls),
      )
      .subscribe(({ value }) => calls.push(`got ${value}`))
    expect(calls).toEqual(['one a', 'two a', 'got a', 'one b', 'two b', 'got b'])
  })

  it.each(['stream', 'records'] as const)('fails a record in its turn with the stage that could not take it (%s)', kind => {
    const test = testRecords(['a', 'bad one', 'b', 'bad two', 'c'].map(bytes))
    const calls: string[] = []
    const seen: string[] = []
    const records = kind === 'stream' ? test.stream : from(test.records)
    records.pipe(told('one', calls), told('two', calls)).subscribe(record => {
      seen.push(`${record.value} after ${test.exits.length}`)
      test.deliver(record)
    })
    expect(seen).toEqual(['a after 0', 'b after 1', 'c after 2'])
    expect(test.exits.map(({ origin, error, stage }) => [origin.position, (error as Error).message, stage])).toEqual([
      [1, 'bad one', 'one'],
      [3, 'bad two', 'two'],
    ])
    expect(test.settled).toEqual([1, 1, 1, 1, 1])
  })

  it('tells each step what its operator was given', () => {
    const seen: unknown[] = []
    const add: ValueStep = (value, original) => {
      seen.push([value, original])
      return `${value}+`
    }
    for (const records of [testRecords([null, null]).stream, from(testRecords([null, null]).records)]) {
      records
        .pipe(
          valueOperator<unknown, unknown>('one', () => [add, add]),
          valueOperator<unknown, unknown>('two', () => [add]),
        )
        .subscribe()
      const each = [
        [null, null],
        ['null+', null],
        ['null++', 'null++'],
      ]
      expect(seen.splice(0).sort()).toEqual([...each, ...each].sort())
    }
  })

  it('starts its steps anew for each subscriber, and gives each values of its own', () => {
    let started = 0
    const operator = valueOperator<unknown, object>('own', () => {
      started++
      return [value => ({ value })]
    })
    const { stream } = testRecords(['a', 'b'].map(bytes))
    const out = stream.pipe(operator)
    const values: object[] = []
    for (let i = 0; i < 2; i++) out.subscribe(({ value }) => values.push(value))
    expect(started).toBe(2)
    expect(new Set(values).size).toBe(4)
  })

  it('looks no further than one read', () => {
    const calls: string[] = []
    const { records } = testRecords(range(5).map(i => bytes(`${i}`)))
    const reads = [
      { of: [0, 1], give: [0, 1] },
      { of: [2, 3, 4], give: [0, 1, 2] },
    ]
    source(records, reads)
      .pipe(told('one', calls))
      .subscribe(({ value }) => calls.push(`got ${value}`))
    expect(calls).toEqual(['one 0', 'one 1', 'got 0', 'got 1', 'one 2', 'one 3', 'one 4', 'got 2', 'got 3', 'got 4'])
  })

  it('gives a record its own value where records before it were not given, also of a read like the one before', () => {
    const { records } = testRecords(range(40).map(i => bytes(`${i}`)))
    const of = range(40)
    const reads = [range(40), [3, 5, 30, 39], [0, 39], range(40), range(40), [38]].map(give => ({ of, give }))
    const got: unknown[] = []
    source(records, reads)
      .pipe(told('one', []))
      .subscribe(({ value }) => got.push(value))
    expect(got).toEqual(reads.flatMap(({ give }) => give.map(i => `${i}`)))
  })

  it('makes few values in vain where few records come so far', () => {
    const calls: string[] = []
    const { records } = testRecords(range(2_000).map(i => bytes(`${i}`)))
    const give = range(200).map(i => 10 * i)
    source(records, [{ of: range(2_000), give }])
      .pipe(told('one', calls))
      .subscribe()
    expect(calls.length).toBeLessThan(2 * give.length)
  })

  it('makes few values twice where many fail', () => {
    const calls: string[] = []
    const { stream, exits } = testRecords(range(1_000).map(i => bytes(i % 3 === 0 ? 'bad one' : `${i}`)))
    stream.pipe(told('one', calls)).subscribe()
    expect(exits).toHaveLength(334)
    expect(calls.length).toBeLessThan(2_000)
  })

  it('has at most 64 KiB of records in hand before their turn', () => {
    const calls: string[] = []
    const big = range(8).map(i => bytes(`${i}`.repeat(20 * 1_024)))
    const most: number[] = []
    let done = 0
    testRecords(big)
      .stream.pipe(told('one', calls))
      .subscribe(() => most.push(calls.length - done++))
    expect(Math.max(...most)).toBe(3)
  })

  it('leaves alone what is not bytes until its turn: objects may still change', () => {
    const objects = range(3).map(() => ({ changed: false }))
    const seen: boolean[] = []
    testRecords(objects)
      .stream.pipe(valueOperator<unknown, boolean>('one', () => [value => (value as { changed: boolean }).changed]))
      .subscribe(({ value }) => {
        seen.push(value)
        for (const object of objects) object.changed = true
      })
    expect(seen).toEqual([false, true, true])
  })

  it('completes with its source, and stops when it is left', () => {
    const { stream } = testRecords(['a', 'b', 'c'].map(bytes))
    const got: unknown[] = []
    stream.pipe(told('one', []), take(2)).subscribe({ next: ({ value }) => got.push(value), complete: () => got.push('complete') })
    expect(got).toEqual(['a', 'b', 'complete'])
    stream.pipe(told('one', [])).subscribe({ complete: () => got.push('all complete') })
    expect(got.at(-1)).toBe('all complete')
  })
})
