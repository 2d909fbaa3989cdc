// npm run example custom
import { consoleSink } from './console-sink.js'
import { thermometer } from './pipeline.js'
import { readingsSource } from './readings-source.js'

const readings = [
  { sensor: 'kitchen', celsius: 20.1 },
  { sensor: 'garden', celsius: 7.8 },
  { sensor: 'kitchen', celsius: 20.4 },
  { sensor: 'kitchen', celsius: 20.6 },
  { sensor: 'garden', celsius: Number.NaN },
  { sensor: 'garden', celsius: 8.2 },
]

const { delivered, skipped, quarantined, reasons } = await thermometer(readingsSource(readings), consoleSink()).start().finished
console.log(`${delivered} printed, ${skipped} skipped, ${quarantined} quarantined`, reasons)
