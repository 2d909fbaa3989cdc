import { definePipeline, handle } from 'millrace'
import { count as counted, from, lastValueFrom, mergeMap } from 'rxjs'
import { atMost, figure, nanosecondsEach, type Options } from '../figure.js'
import { generatedSource } from '../parts/generated-source.js'
import { nullSink } from '../parts/null-sink.js'
import { type Order, orderAt, toCents } from '../parts/orders.js'

const RECORDS = 10_000
const CONCURRENCY = 16
/** A run of 10,000 takes a few ms: too short to be measured alone. */
const repeats = ({ quick }: Options) => (quick ? 1 : 30)

const work = async (order: Order) => toCents(order)

export const engineHandle = figure({
  what: `a whole run of handle with an async function, ${CONCURRENCY} at a time and in no order, against mergeMap(fn, ${CONCURRENCY}) of plain RxJS on the same ${RECORDS} values`,
  unit: 'ns a record',
  sides: {
    ours: (_, options) => ({
      run: () =>
        nanosecondsEach(RECORDS * repeats(options), async () => {
          for (let i = 0; i < repeats(options); i++) {
            const { delivered } = await definePipeline({
              name: 'handle',
              source: generatedSource(RECORDS, orderAt, 50),
              steps: orders => orders.pipe(handle(work, { concurrency: CONCURRENCY, order: 'none' })),
              sink: nullSink<Awaited<ReturnType<typeof work>>>(),
              onFailure: 'halt',
            }).start().finished
            if (delivered !== RECORDS) throw new Error(`${delivered} of ${RECORDS} were delivered`)
          }
        }),
    }),
    rxjs: (_, options) => {
      const values = Array.from({ length: RECORDS }, (_, index) => orderAt(index))
      return {
        run: () =>
          nanosecondsEach(RECORDS * repeats(options), async () => {
            for (let i = 0; i < repeats(options); i++) {
              const delivered = await lastValueFrom(from(values).pipe(mergeMap(work, CONCURRENCY), counted()))
              if (delivered !== RECORDS) throw new Error(`${delivered} of ${RECORDS} came out`)
            }
          }),
      }
    },
  },
  warmUps: 10,
  comparisons: [{ ours: 'ours', limit: 'rxjs', goal: atMost(0.5) }],
})
