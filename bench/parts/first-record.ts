// A program of its own: one record through decode and validate into a memory sink, then it says so and ends.
import { decode, definePipeline, memoryQuarantine, memorySink, memorySource, validate } from 'millrace'
import { Sale, type SaleRow, saleAt } from './sales.js'

const sink = memorySink<SaleRow>()
await definePipeline({
  name: 'first record',
  source: memorySource([Buffer.from(JSON.stringify(saleAt(1)))]),
  steps: records => records.pipe(decode('json'), validate(Sale)),
  sink,
  onFailure: memoryQuarantine(),
}).start().finished
process.stdout.write(`${sink.rows.length} record\n`)
