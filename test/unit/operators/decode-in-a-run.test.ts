import fc from 'fast-check'
import { definePipeline } from 'millrace'
import { memoryQuarantine, memorySink, memorySource, memoryStore } from 'millrace/testing'
import { from, merge, type Observable } from 'rxjs'
import { expect, test } from 'vitest'
import { delay, systemClock } from '../../../src/core/clock.js'
import type { Envelope } from '../../../src/core/envelope.js'
import { decode } from '../../../src/operators/decode.js'
import { handle } from '../../../src/operators/handle.js'
import { keep } from '../../../src/operators/keep.js'
import { validate } from '../../../src/operators/validate.js'
import { testRecords } from '../../../src/testing/records.js'
import { seededRandom } from '../../harness/random.js'

/** In a run `decode` and `validate` work some records ahead. What comes of each must be what comes of it alone. */

const schema = { type: ['object', 'null'], required: ['n'], properties: { n: { type: 'integer', maximum: 2 ** 60 } } } as const
const bytes = (text: string): Uint8Array => Buffer.from(text)

const value = fc.oneof(
  { weight: 6, arbitrary: fc.nat(999).map(n => bytes(`{"n":${n},"text":"ä${n}"}`)) },
  fc.constantFrom<Uint8Array | null>(
    null,
    bytes('null'),
    bytes('\ufeff{"n":1}'),
    bytes('{"n":"one"}'),
    bytes('{}'),
    bytes('{"n":1'),
    bytes(''),
    bytes('{"n":9007199254740993}'),
    bytes('{"n":1152921504606846977}'),
    Uint8Array.of(0x22, 0xff, 0x22),
    bytes(`{"n":5,"text":"${'x'.repeat(70_000)}"}`),
  ),
)

const steps = {
  behind: (records: Observable<Envelope<Uint8Array | null>>) => records.pipe(decode('json'), validate(schema)),
  apart: (records: Observable<Envelope<Uint8Array | null>>) =>
    records.pipe(
      keep(given => given === null || given.byteLength > 0),
      decode('json'),
      validate(schema),
    ),
} as const

/** What each value comes to by itself: its JSON, or its error. */
function alone(given: Uint8Array | null, way: keyof typeof steps): string[] {
  const { records, exits } = testRecords([given])
  const rows: string[] = []
  from(records)
    .pipe(steps[way])
    .subscribe(record => rows.push(JSON.stringify(record.value)))
  return [
    ...rows,
    ...exits.filter(({ outcome }) => outcome === 'failed').map(({ stage, error }) => `${stage}: ${(error as Error).message}`),
  ]
}

test('what decode and validate make of a record in a run is what they make of it alone, once, also in runs that go on behind an aborted one', async () => {
  const list = fc.array(value, { maxLength: 120 })
  const setting = fc.record({
    a: list,
    b: list,
    way: fc.constantFrom('behind' as const, 'apart' as const),
    partitions: fc.integer({ min: 1, max: 3 }),
    maxRecords: fc.integer({ min: 1, max: 80 }),
    aborted: fc.nat(2),
    seed: fc.nat(),
  })
  let covered = 0
  await fc.assert(
    fc.asyncProperty(setting, async ({ a, b, way, partitions, maxRecords, aborted, seed }) => {
      const store = memoryStore()
      const sink = memorySink<unknown>({ store, ledger: true, batch: { maxRecords, maxWaitMs: 1 } })
      const quarantine = memoryQuarantine({ store })
      const random = seededRandom(seed)
      for (let left = aborted; left >= 0; left--) {
        let stuck = 0
        const partition = (_: unknown, index: number) => `${index % partitions}`
        const run = definePipeline({
          name: 'decoding',
          source: { a: memorySource(a, { partition }), b: memorySource(b, { partition }) },
          steps: ({ a, b }) =>
            merge(steps[way](a), steps[way](b)).pipe(
              handle(
                async (row, { signal }) => {
                  // Of an aborted run some never come through, and what is behind them is covered when the next one reads it.
                  if (left > 0 && random() < 0.1 && ++stuck < 8) await new Promise(resolve => signal.addEventListener('abort', resolve))
                  return row
                },
                { concurrency: 8, order: 'none' },
              ),
            ),
          sink,
          onFailure: quarantine,
        }).start()
        if (left > 0) {
          await delay(systemClock, 15)
          void run.abort()
        } else covered += sink.rows.length
        await run.finished.catch(() => {})
      }
      const sorted = (texts: readonly string[]) => [...texts].sort()
      const got = [
        ...sink.rows.map(row => JSON.stringify(row)),
        ...quarantine.entries.map(({ stage, error }) => `${stage}: ${error.message}`),
      ]
      expect(sorted(got)).toEqual(sorted([...a, ...b].flatMap(given => alone(given, way))))
    }),
    { numRuns: 100 },
  )
  expect(covered, 'records covered before the last run').toBeGreaterThan(50)
}, 60_000)
