import { map } from 'rxjs'
import { TestScheduler } from 'rxjs/testing'
import { describe, expect, it } from 'vitest'
import type { Operator } from '../../src/core/operator.js'
import { clockOf, Records } from './records.js'

/** What {@link behavesAsOperator} needs to know of an operator that answers at once, one record for one. */
export interface OperatorCase<In, Out> {
  readonly operator: Operator<In, Out>
  /** Three values, and what becomes of them. */
  readonly inputs: readonly [In, In, In]
  readonly outputs: readonly [Out, Out, Out]
  /** A value that the operator fails. */
  readonly failing: In
  readonly stage: string
}

/** What every operator must do, whatever it is for: marble tests on virtual time. */
export function behavesAsOperator<In, Out>({ operator, inputs, outputs, failing, stage }: OperatorCase<In, Out>): void {
  const marbles = (source: string, expected: string, options: { readonly until?: string; readonly error?: unknown } = {}) => {
    const scheduler = new TestScheduler((actual, wanted) => expect(actual).toEqual(wanted))
    const records = new Records(clockOf(scheduler))
    const [a, b, c, f] = [...inputs, failing].map(value => records.record(value))
    const subscriptions: string[] = []
    scheduler.run(({ cold, expectObservable, expectSubscriptions }) => {
      const from = cold(source, { a: a!, b: b!, c: c!, f: f! }, options.error)
      const through = from.pipe(
        operator,
        map(record => {
          records.deliver(record)
          return record.value
        }),
      )
      const values = { x: outputs[0], y: outputs[1], z: outputs[2] }
      expectObservable(through, options.until).toBe(expected, values, options.error)
      if (options.until !== undefined) subscriptions.push(options.until)
      if (subscriptions.length > 0) expectSubscriptions(from.subscriptions).toBe(subscriptions)
    })
    return records
  }
  // Operators that split give a first child in the record's place.
  const settledOf = (records: Records) => records.settled.map(name => name.replace('#0', ''))

  describe('as an operator', () => {
    it('never ends where its source does not', () => {
      marbles('-', '-')
    })
    it('completes with an empty source', () => {
      marbles('|', '|')
    })
    it('gives one for one', () => {
      expect(settledOf(marbles('-a-|', '-x-|'))).toEqual(['0'])
    })
    it('gives many in their order, at once', () => {
      expect(settledOf(marbles('-a--b-c|', '-x--y-z|'))).toEqual(['0', '1', '2'])
      expect(settledOf(marbles('(abc|)', '(xyz|)'))).toEqual(['0', '1', '2'])
    })
    it('passes an error of its source on', () => {
      marbles('-a-#', '-x-#', { error: new Error('broken') })
    })
    it('leaves its source when it is left', () => {
      const records = marbles('-a--b-c|', '-x--', { until: '^---!' })
      expect(records.open).toEqual([1, 2, 3])
    })
    it('fails the record at fault and goes on', () => {
      const records = marbles('-a-f-c-|', '-x---z-|')
      expect(settledOf(records)).toEqual(['0', '3', '2'])
      expect(records.outcomes.get('3')).toMatchObject({ as: 'failed', stage })
    })
    it('settles a record once, however often the operator meets it', () => {
      const records = new Records()
      const record = records.record(failing)
      const seen: unknown[] = []
      const source = new TestScheduler(() => {}).createColdObservable('(ff|)', { f: record })
      source.pipe(operator).subscribe(one => seen.push(one))
      ;(source.scheduler as TestScheduler).flush()
      expect(seen).toEqual([])
      expect(records.settled).toEqual(['0'])
    })
    it('keeps no state between two runs', () => {
      for (let run = 0; run < 2; run++) expect(marbles('(abc|)', '(xyz|)').settled).toHaveLength(3)
    })
  })
}
