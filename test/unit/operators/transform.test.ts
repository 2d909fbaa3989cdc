import { from } from 'rxjs'
import { describe, expect, it } from 'vitest'
import { transform } from '../../../src/operators/transform.js'
import { behavesAsOperator } from '../../harness/marbles.js'
import { Records, settled } from '../../harness/records.js'

const tenfold = (value: number) => {
  if (value < 0) throw new Error('negative')
  return value * 10
}

function run<In>(operator: ReturnType<typeof transform<In, {} | null>>, values: readonly In[]): Records {
  const records = new Records()
  from(records.records(values))
    .pipe(operator)
    .subscribe(record => records.deliver(record))
  return records
}

describe('transform', () => {
  behavesAsOperator({ operator: transform(tenfold), inputs: [1, 2, 3], outputs: [10, 20, 30], failing: -1, stage: 'transform' })

  it('gives null and false on, which are values', () => {
    expect(
      run(
        transform((value: number) => (value === 0 ? null : false)),
        [0, 1],
      ).values,
    ).toEqual([null, false])
  })

  it('skips by context.skip', () => {
    const records = run(
      transform((value: number, context) => (value === 2 ? context.skip('two') : value)),
      [1, 2, 3],
    )
    expect(records.told).toEqual({ 0: 'delivered 1', 1: 'skipped two', 2: 'delivered 3' })
  })

  it('fails a record for which nothing is returned', () => {
    const records = run(transform(((value: number) => (value === 2 ? undefined : value)) as (value: number) => number), [1, 2, 3])
    expect(records.told).toEqual({ 0: 'delivered 1', 1: 'failed MILL_RESULT_MISSING in transform', 2: 'delivered 3' })
    expect(records.errorOf('1')).toHaveProperty('message', 'transform must return a value or context.skip(reason), got undefined')
  })

  it('fails a record for which a promise is returned, and takes its rejection along', async () => {
    const records = run(transform((() => Promise.reject(new Error('nobody hears'))) as unknown as () => number), [1])
    expect(records.errorOf('0')).toHaveProperty('message', 'transform must return a value or context.skip(reason), got a promise')
    // An unhandled rejection would end this process here.
    await settled()
  })

  it('shows the function its record', () => {
    const records = new Records()
    const seen: unknown[] = []
    from([records.record(1, { key: 'k', headers: [['h', 'v']] })])
      .pipe(
        transform(
          (value, { key, headers, origin, attempt, signal }) => (
            seen.push(value, key, headers.text('h'), origin.position, attempt, signal), value
          ),
        ),
      )
      .subscribe()
    expect(seen).toEqual([1, 'k', 'v', 0, 1, records.flow.signal])
  })

  it('refuses at definition what is no function', () => {
    expect(() => transform(undefined as never)).toThrow('transform: expected its function to be a function, got undefined')
  })
})
