// A program of its own: `stopped-program.js <setting> <group>`. It reads a topic into Postgres with a batch timer of 15 minutes, says so when it holds
// all records, and when it is told to stop, it does; it ends when nothing keeps it any more.
import { setTimeout as pause } from 'node:timers/promises'
import { decode, definePipeline, handle, kafkaSource, postgres, postgresQuarantine, postgresSink, validate } from 'millrace'
import type { KafkaSalesSetting } from './kafka-sales.js'
import { cleaned, Sale, sales } from './sales.js'

const [given, groupId] = process.argv.slice(2) as [string, string]
const { address, brokers, topic, rows } = JSON.parse(given) as KafkaSalesSetting
const database = postgres({ connection: address })
const { promise: stopping, resolve: letGo } = withResolvers()

const run = definePipeline({
  name: groupId,
  source: kafkaSource({ brokers, topics: [topic], groupId }),
  steps: records =>
    records.pipe(
      decode('json'),
      validate(Sale),
      handle(
        // While the handler of one is at work, the batch of the others waits for its timer; else it would be written as soon as nothing more comes.
        sale => (sale.id === 0 ? stopping.then(() => cleaned(sale)) : cleaned(sale)),
        { concurrency: 16, order: 'none' },
      ),
    ),
  sink: postgresSink(database, sales, { mode: 'append', ledger: true, batch: { maxRecords: rows + 1, maxWaitMs: 900_000 } }),
  onFailure: postgresQuarantine(database),
}).start()
run.finished.catch(error => {
  console.error(error)
  process.exit(1)
})

while (run.snapshot().inFlight < rows) await pause(10)
// Written would be no use: what is to be shown is that the timer is not waited for.
await pause(500)
const { delivered, inFlight } = run.snapshot()
if (delivered > 0) throw new Error(`${delivered} were delivered before the stop, ${inFlight} held`)

process.once('message', () => {
  letGo()
  void run.stop()
  process.disconnect()
})
process.send?.('holding')

function withResolvers(): { readonly promise: Promise<void>; resolve(): void } {
  let resolve!: () => void
  const promise = new Promise<void>(given => {
    resolve = given
  })
  return { promise, resolve }
}
