// Reads a topic into a sink that may be stalled, in a process of its own: `hold` on the standard input stalls it, `flow` lets it go on.
import { createInterface } from 'node:readline'
import { definePipeline, kafkaSource, type Sink, transform } from 'millrace'
import { LISTENING, type Report } from './task.js'

/** What the worker is told, as JSON in MILLRACE_CHAOS. */
export interface StalledTask {
  readonly brokers: readonly string[]
  readonly topic: string
  readonly groupId: string
  readonly maxInFlightBytes: number
}

/** What the worker says of itself besides. */
export interface StalledReport extends Report {
  readonly delivered: number
}

const { brokers, topic, groupId, maxInFlightBytes } = JSON.parse(process.env['MILLRACE_CHAOS'] ?? '{}') as StalledTask

let flowing = Promise.resolve()
let letFlow = (): void => {}

const sink: Sink<number> = {
  name: 'stalled',
  async open() {
    return { write: () => flowing }
  },
}

const run = definePipeline({
  name: 'stalled',
  source: kafkaSource({ brokers, topics: [topic], groupId }),
  steps: records => records.pipe(transform((value: Uint8Array | null) => value?.byteLength ?? 0)),
  sink,
  onFailure: 'halt',
  limits: { maxInFlightBytes, maxInFlight: 100_000 },
}).start()

createInterface({ input: process.stdin })
  .on('line', line => {
    letFlow()
    if (line === 'hold') {
      flowing = new Promise(resolve => {
        letFlow = resolve
      })
    }
  })
  // It does not outlive the test, however that ends.
  .on('close', () => process.exit(3))
process.once('SIGTERM', () => {
  letFlow()
  void run.stop().catch(() => {})
})
console.log(LISTENING)
const reporting = setInterval(() => {
  const { inFlight, inFlightBytes, delivered } = run.snapshot()
  const report: StalledReport = { inFlight, inFlightBytes, rss: process.memoryUsage.rss(), delivered }
  console.log(JSON.stringify(report))
}, 100)
try {
  await run.finished
} catch (error) {
  console.error(error)
  process.exitCode = 1
} finally {
  clearInterval(reporting)
  process.stdin.destroy()
}
