// KAFKA_BROKERS=localhost:9092 npm run example topic
// Reads the topic `payments` and writes the topic `totals`, which must be there; ends with Ctrl-C.
import { accountTotals } from './pipeline.js'

const brokers = (process.env['KAFKA_BROKERS'] ?? 'localhost:9092').split(',')
const topics = { payments: 'payments', totals: 'totals', failed: 'account-totals-failed' }
const run = accountTotals({ brokers }, topics, 'account-totals').start({ log: console })
process.once('SIGINT', () => void run.stop())
const { delivered, quarantined, reasons } = await run.finished
console.log(`${delivered} payments in totals, ${quarantined} quarantined`, reasons)
