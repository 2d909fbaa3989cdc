import { from } from 'rxjs'
import { describe, expect, it } from 'vitest'
import { keep } from '../../../src/operators/keep.js'
import { behavesAsOperator } from '../../harness/marbles.js'
import { Records, settled } from '../../harness/records.js'

const positive = (value: number) => {
  if (value < 0) throw new Error('negative')
  return true
}

function run(predicate: (value: number, context: never) => unknown, values: readonly number[], reason?: string): Records {
  const records = new Records()
  from(records.records(values))
    .pipe(keep(predicate as (value: number) => boolean, reason))
    .subscribe(record => records.deliver(record))
  return records
}

describe('keep', () => {
  behavesAsOperator({ operator: keep(positive), inputs: [1, 2, 3], outputs: [1, 2, 3], failing: -1, stage: 'keep' })

  it('skips the rest, with its reason', () => {
    expect(run(value => value > 1, [1, 2]).told).toEqual({ 0: 'skipped not kept', 1: 'delivered 2' })
    expect(run(value => value > 1, [1, 2], 'too small').told).toEqual({ 0: 'skipped too small', 1: 'delivered 2' })
  })

  it('takes what is truthy or falsy, as in JavaScript', () => {
    expect(run(value => ['', 'x', 0, 1, null][value], [0, 1, 2, 3, 4]).values).toEqual([1, 3])
  })

  it('takes a reason from the predicate', () => {
    const skip = (_: number, context: { skip(reason: string): unknown }) => context.skip('own reason')
    expect(run(skip as never, [1]).told).toEqual({ 0: 'skipped own reason' })
  })

  it('fails a record for which the predicate says nothing: else each would be skipped in silence', () => {
    expect(run(() => undefined, [1]).errorOf('0')).toHaveProperty('message', 'keep must return true or false, got undefined')
  })

  it('fails a record for which the predicate promises: else each would pass', async () => {
    expect(run(() => Promise.reject(new Error('x')), [1]).told).toEqual({ 0: 'failed MILL_RESULT_MISSING in keep' })
    await settled()
  })

  it('gives on the same envelope', () => {
    const records = new Records()
    const record = records.record(1)
    const seen: unknown[] = []
    from([record])
      .pipe(keep(() => true))
      .subscribe(one => seen.push(one))
    expect(seen[0]).toBe(record)
  })
})
