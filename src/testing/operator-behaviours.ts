import assert from 'node:assert/strict'
import { from, NEVER, type Observable, Subject, throwError } from 'rxjs'
import type { Envelope } from '../core/envelope.js'
import type { Operator } from '../core/operator.js'
import { type Behaviour, within } from './behaviour.js'
import { type TestRecordOptions, testRecords } from './records.js'

/** Options of the behaviours of an operator. */
export interface OperatorBehaviourOptions<In, Out> {
  /** Makes the operator anew. */
  readonly operator: () => Operator<In, Out>
  /** Values that it takes; some may be skipped or fail. At least three. */
  readonly values: readonly In[]
  /** Keys, headers and positions of the records. */
  readonly records?: TestRecordOptions<In>
  /** How long it may take for all values, in ms of real time. Default 10,000. */
  readonly timeoutMs?: number
}

/** What every operator must do, as tests. docs/components.md has the MUST behind each. */
export function operatorBehaviours<In, Out>(options: OperatorBehaviourOptions<In, Out>): readonly Behaviour[] {
  const { operator, values, timeoutMs = 10_000 } = options
  const make = () => testRecords(values, options.records)
  const ran = (records: Observable<Envelope<In>>) => within(timeoutMs, 'the operator', outcomeOf(records.pipe(operator())))
  return [
    {
      name: 'each record comes out, is skipped or fails, and settles once',
      async run() {
        const { records, settled, deliver } = make()
        const { out, error } = await ran(from(records))
        assert.equal(error, undefined, String(error))
        for (const record of out) deliver(record)
        assert.deepEqual(
          settled,
          values.map(() => 1),
          'how often each record settled',
        )
      },
    },
    {
      name: 'completes when the records do, also without any',
      async run() {
        const { out, error } = await ran(from<Envelope<In>[]>([]))
        assert.deepEqual([out.length, error], [0, undefined])
      },
    },
    {
      name: 'passes an error of the stream on',
      async run() {
        const failure = new Error('of the stream')
        assert.equal((await ran(throwError(() => failure))).error, failure)
      },
    },
    {
      name: 'lets go of the stream when it is unsubscribed from',
      async run() {
        const { records } = make()
        const source = new Subject<Envelope<In>>()
        const subscription = source.pipe(operator()).subscribe({ error() {} })
        source.next(records[0]!)
        subscription.unsubscribe()
        assert.equal(source.observed, false)
      },
    },
    {
      name: 'keeps no state from one run to another',
      async run() {
        const one = operator()
        const texts: string[] = []
        for (let i = 0; i < 2; i++) {
          const { records } = make()
          const { out } = await within(timeoutMs, 'the operator', outcomeOf(from(records).pipe(one)))
          texts.push(JSON.stringify(out.map(({ origin }) => origin)))
        }
        assert.equal(texts[1], texts[0])
      },
    },
    {
      name: 'a record that it cannot take fails alone',
      async run() {
        const { records, settled, exits, deliver } = make()
        const [first, , ...rest] = records
        // A getter that throws stands for whatever a value can hold: it must fail its record, and neither the stream nor a neighbour.
        const poisoned = records[1]!.with(poison() as In)
        const { out, error } = await ran(from([first!, poisoned, ...rest]))
        assert.equal(error, undefined, `the stream failed: ${String(error)}`)
        for (const record of out) deliver(record)
        assert.deepEqual(
          settled,
          values.map(() => 1),
          'how often each record settled',
        )
        for (const { stage } of exits) assert.notEqual(stage, '', 'a failure without a stage')
      },
    },
    {
      name: 'waits quietly while no record comes',
      async run() {
        const subscription = NEVER.pipe(operator()).subscribe({ next: () => assert.fail('a record out of nothing'), error: assert.fail })
        await new Promise<void>(resolve => setImmediate(resolve))
        subscription.unsubscribe()
      },
    },
  ]
}

function outcomeOf<T>(records: Observable<Envelope<T>>): Promise<{ readonly out: readonly Envelope<T>[]; readonly error: unknown }> {
  const out: Envelope<T>[] = []
  return new Promise(resolve => {
    records.subscribe({
      next: record => out.push(record),
      error: error => resolve({ out, error }),
      complete: () => resolve({ out, error: undefined }),
    })
  })
}

/** A value that throws whatever is done with it. */
function poison(): unknown {
  const refuse = () => {
    throw new TypeError('this value throws whatever is done with it')
  }
  return new Proxy(() => {}, {
    get: refuse,
    has: refuse,
    ownKeys: refuse,
    getPrototypeOf: refuse,
    apply: refuse,
    getOwnPropertyDescriptor: refuse,
  })
}
