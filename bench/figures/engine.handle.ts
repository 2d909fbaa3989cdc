import { definePipeline, handle } from 'millrace'
import { testRecords } from 'millrace/testing'
import { count, from, lastValueFrom, mergeMap, type Observable } from 'rxjs'
import { atMost, figure, nanosecondsEach, noGoal, type Options, type Side } from '../figure.js'
import { generatedSource } from '../parts/generated-source.js'
import { nullSink } from '../parts/null-sink.js'
import { type Order, orderAt, toCents } from '../parts/orders.js'

const RECORDS = 10_000
const CONCURRENCY = 16
/** A run of 10,000 takes a few ms: too short to be measured alone. */
const repeats = ({ quick }: Options) => (quick ? 1 : 30)

const work = async (order: Order) => toCents(order)

/** A side that does 10,000 records again and again. */
function repeated(options: Options, once: () => Promise<number>): Side {
  const all = async () => {
    for (let i = 0; i < repeats(options); i++) {
      const done = await once()
      if (done !== RECORDS) throw new Error(`${done} of ${RECORDS} were done`)
    }
  }
  return { run: () => nanosecondsEach(RECORDS * repeats(options), all) }
}

const counted = (records: Observable<unknown>) => lastValueFrom(records.pipe(count()))

export const engineHandle = figure({
  what: `handle with an async function, ${CONCURRENCY} at a time, in no order, against mergeMap(fn, ${CONCURRENCY}) of plain RxJS, both on the same 10,000 that are there already`,
  unit: 'ns a record',
  sides: {
    handle: (_, options) => {
      const { records } = testRecords(Array.from({ length: RECORDS }, (_, index) => orderAt(index)))
      return repeated(options, () => counted(from(records).pipe(handle(work, { concurrency: CONCURRENCY, order: 'none' }))))
    },
    rxjs: (_, options) => {
      const values = Array.from({ length: RECORDS }, (_, index) => orderAt(index))
      return repeated(options, () => counted(from(values).pipe(mergeMap(work, CONCURRENCY))))
    },
    run: (_, options) =>
      repeated(options, async () => {
        const { delivered } = await definePipeline({
          name: 'handle',
          source: generatedSource(RECORDS, orderAt, 50),
          steps: orders => orders.pipe(handle(work, { concurrency: CONCURRENCY, order: 'none' })),
          sink: nullSink<Awaited<ReturnType<typeof work>>>(),
          onFailure: 'halt',
        }).start().finished
        return delivered
      }),
  },
  warmUps: 10,
  comparisons: [
    { ours: 'handle', limit: 'rxjs', goal: atMost(0.5) },
    { what: 'the whole run of such a pipeline, with receipts, counters and commits', ours: 'run', limit: 'rxjs', goal: noGoal },
  ],
})
