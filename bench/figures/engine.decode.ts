import { decode, definePipeline, type Envelope, validate } from 'millrace'
import { testRecords } from 'millrace/testing'
import type { Observable } from 'rxjs'
import { atLeast, figure, noGoal, type Options, perProcessorSecond, type Side } from '../figure.js'
import { generatedSource } from '../parts/generated-source.js'
import { nullSink } from '../parts/null-sink.js'
import { Sale, saleAt } from '../parts/sales.js'

const TEXTS = 10_000
const repeats = ({ quick }: Options) => (quick ? 1 : 4)
const texts: readonly Uint8Array[] = Array.from({ length: TEXTS }, (_, index) => Buffer.from(JSON.stringify(saleAt(index))))

/** A side that does all texts again and again; `once` gives how many it did. */
function repeated(options: Options, once: () => Promise<number> | number): Side {
  const all = async () => {
    for (let i = 0; i < repeats(options); i++) {
      const done = await once()
      if (done !== TEXTS) throw new Error(`${done} of ${TEXTS} were done`)
    }
  }
  return { run: () => perProcessorSecond(TEXTS * repeats(options), all) }
}

/** What takes all texts as records through such steps, and counts what comes out. */
function counted(steps: (records: Observable<Envelope<Uint8Array>>) => Observable<unknown>): () => number {
  const decoded = steps(testRecords(texts).stream)
  return () => {
    let done = 0
    decoded.subscribe(() => {
      done++
    })
    return done
  }
}

/** Bytes → string → JSON.parse, and nothing else. */
function parse(): number {
  let done = 0
  for (const text of texts) if (JSON.parse((text as Buffer).toString('utf8')).id >= 0) done++
  return done
}

export const engineDecode = figure({
  what: 'decode and validate (JSON Schema, eight properties) against a loop of bytes → string → JSON.parse, both on the same 10,000 records of 400 bytes',
  unit: 'records/s',
  sides: {
    operators: (_, options) =>
      repeated(
        options,
        counted(records => records.pipe(decode('json'), validate(Sale))),
      ),
    // Right behind ours, so that the two of a round meet the same machine.
    parse: (_, options) => repeated(options, parse),
    decode: (_, options) =>
      repeated(
        options,
        counted(records => records.pipe(decode('json'))),
      ),
    run: (_, options) =>
      repeated(options, async () => {
        const { delivered } = await definePipeline({
          name: 'decode',
          source: generatedSource(TEXTS, index => texts[index]!),
          steps: sales => sales.pipe(decode('json'), validate(Sale)),
          sink: nullSink<{ readonly id: number }>(),
          onFailure: 'halt',
        }).start().finished
        return delivered
      }),
  },
  // Many short rounds: the machine is quick and slow by turns of seconds, and so both sides meet both.
  runs: 41,
  warmUps: 25,
  comparisons: [
    { ours: 'operators', limit: 'parse', goal: atLeast(0.85) },
    { what: 'decode alone', ours: 'decode', limit: 'parse', goal: noGoal },
    { what: 'the whole run of such a pipeline, with receipts, counters and commits', ours: 'run', limit: 'parse', goal: noGoal },
  ],
})
