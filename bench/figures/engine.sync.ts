import { definePipeline, keep, transform } from 'millrace'
import { filter, from, map } from 'rxjs'
import { atMost, figure, nanosecondsEach, type Options } from '../figure.js'
import { generatedSource } from '../parts/generated-source.js'
import { nullSink } from '../parts/null-sink.js'
import { isLarge, orderAt, toCents, toTotal, withFee } from '../parts/orders.js'

const records = ({ quick }: Options) => (quick ? 10_000 : 500_000)

export const engineSync = figure({
  what: 'a whole run of four synchronous operators, with receipts, counters and commits, against map and filter of plain RxJS on bare values',
  unit: 'ns a record',
  sides: {
    ours: (_, options) => {
      const count = records(options)
      return {
        run: () =>
          nanosecondsEach(count, async () => {
            const { delivered } = await definePipeline({
              name: 'sync',
              source: generatedSource(count, orderAt, 50),
              steps: orders => orders.pipe(transform(toCents), keep(isLarge), transform(withFee), transform(toTotal)),
              sink: nullSink<{ readonly id: number; readonly total: number }>(),
              onFailure: 'halt',
            }).start().finished
            if (delivered !== count) throw new Error(`${delivered} of ${count} were delivered`)
          }),
      }
    },
    rxjs: (_, options) => {
      const count = records(options)
      const values = Array.from({ length: count }, (_, index) => orderAt(index))
      return {
        run: () =>
          nanosecondsEach(count, () => {
            let delivered = 0
            from(values)
              .pipe(map(toCents), filter(isLarge), map(withFee), map(toTotal))
              .subscribe(() => {
                delivered++
              })
            if (delivered !== count) throw new Error(`${delivered} of ${count} came out`)
          }),
      }
    },
  },
  warmUps: 10,
  comparisons: [{ ours: 'ours', limit: 'rxjs', goal: atMost(4) }],
})
