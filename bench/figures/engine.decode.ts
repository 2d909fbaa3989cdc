import { decode, definePipeline, validate } from 'millrace'
import { atLeast, figure, type Options, perProcessorSecond } from '../figure.js'
import { generatedSource } from '../parts/generated-source.js'
import { nullSink } from '../parts/null-sink.js'
import { Sale, saleAt } from '../parts/sales.js'

const records = ({ quick }: Options) => (quick ? 5_000 : 200_000)
const texts = Array.from({ length: 10_000 }, (_, index) => Buffer.from(JSON.stringify(saleAt(index))))

export const engineDecode = figure({
  what: 'a whole run of decode and validate (JSON Schema) on records of 300 bytes against a loop of bytes → string → JSON.parse',
  unit: 'records/s',
  sides: {
    ours: (_, options) => {
      const count = records(options)
      return {
        run: () =>
          perProcessorSecond(count, async () => {
            const { delivered } = await definePipeline({
              name: 'decode',
              source: generatedSource(count, index => texts[index % texts.length]! as Uint8Array),
              steps: sales => sales.pipe(decode('json'), validate(Sale)),
              sink: nullSink<{ readonly id: number }>(),
              onFailure: 'halt',
            }).start().finished
            if (delivered !== count) throw new Error(`${delivered} of ${count} were delivered`)
          }),
      }
    },
    parse: (_, options) => {
      const count = records(options)
      return {
        run: () =>
          perProcessorSecond(count, () => {
            let sum = 0
            for (let i = 0; i < count; i++) sum += JSON.parse(texts[i % texts.length]!.toString('utf8')).id
            if (sum <= 0) throw new Error('nothing was parsed')
          }),
      }
    },
  },
  warmUps: 5,
  comparisons: [{ ours: 'ours', limit: 'parse', goal: atLeast(0.85) }],
})
