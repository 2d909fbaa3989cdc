// A member of the group, in a process that is killed or frozen. SIGTERM stops it as an operator would.
import { once } from 'node:events'
import { errorReport, type Logger, postgres } from 'millrace'
import { ordersOfKafka } from './pipeline.js'
import { LISTENING, type Point, type Report, type Task } from './task.js'

const task = JSON.parse(process.env['MILLRACE_CHAOS'] ?? '{}') as Task

const say = (level: string) => (message: string, fields?: object) =>
  console.error(JSON.stringify({ at: Date.now(), level, message, fields }))
const log: Logger = { debug: () => {}, info: say('info'), warn: say('warn'), error: say('error') }

// It does not outlive the test, however that ends.
process.stdin.on('end', () => process.exit(3)).resume()

const { killAt } = task
let times = 0
const reached = (point: Point): void => {
  if (killAt?.point === point && ++times === killAt.after) process.kill(process.pid, 'SIGKILL')
}
const stopping = once(process, 'SIGTERM').then(() => {})

const database = postgres({ connection: task.connection })
const run = ordersOfKafka(database, { ...task, reached, stopping }).start({ log })
process.once('SIGTERM', () => void run.stop().catch(() => {}))
console.log(LISTENING)
const reporting = setInterval(() => {
  const { inFlight, inFlightBytes } = run.snapshot()
  const report: Report = { inFlight, inFlightBytes, rss: process.memoryUsage.rss() }
  console.log(JSON.stringify(report))
}, 200)
try {
  await run.finished
} catch (error) {
  console.error(JSON.stringify(errorReport(error)))
  process.exitCode = 1
} finally {
  clearInterval(reporting)
  await database.close()
  // Nothing else may keep it alive: a process that hangs here is a fault.
  process.stdin.destroy()
}
