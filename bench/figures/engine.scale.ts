import { definePipeline, handle, keep, transform } from 'millrace'
import { atLeast, figure, type Options, perProcessorSecond } from '../figure.js'
import { generatedSource } from '../parts/generated-source.js'
import { nullSink } from '../parts/null-sink.js'
import { isLarge, orderAt, toCents, toTotal, withFee } from '../parts/orders.js'

const RUNS = 100
const perRun = ({ quick }: Options) => (quick ? 100 : 10_000)

/** Synchronous operators and an asynchronous handle in source order: each queue of the engine is used. */
async function run(count: number): Promise<void> {
  const { delivered } = await definePipeline({
    name: 'scale',
    source: generatedSource(count, orderAt, 50),
    steps: orders =>
      orders.pipe(
        transform(toCents),
        keep(isLarge),
        handle(async order => withFee(order), { concurrency: 16 }),
        transform(toTotal),
      ),
    sink: nullSink<{ readonly id: number; readonly total: number }>(),
    onFailure: 'halt',
  }).start().finished
  if (delivered !== count) throw new Error(`${delivered} of ${count} were delivered`)
}

export const engineScale = figure({
  what: `one run of 1,000,000 records against ${RUNS} runs of 10,000: what grows with the number of records would show`,
  unit: 'records/s',
  sides: {
    one: (_, options) => ({ run: () => perProcessorSecond(RUNS * perRun(options), () => run(RUNS * perRun(options))) }),
    many: (_, options) => ({
      run: () =>
        perProcessorSecond(RUNS * perRun(options), async () => {
          for (let i = 0; i < RUNS; i++) await run(perRun(options))
        }),
    }),
  },
  comparisons: [{ ours: 'one', limit: 'many', goal: atLeast(0.8) }],
})
