import { filesToPostgres, table } from 'millrace'
import { dataDirectory } from './data.js'
import { database } from './database.js'

const flights = table('flights', c => ({ departs: c.text(), delay: c.integer(), is_late: c.boolean(), kilometres: c.integer() }), {
  create: true,
})

const KILOMETRES_A_MILE = 1.609344
const LATE_MINUTES = 15

/** 200,000 flights: minutes of delay, miles, and the hour of departure as a fraction. */
export const flightsPipeline = filesToPostgres({
  name: 'flights',
  root: dataDirectory,
  paths: 'flights-200k.json',
  format: 'json',
  schema: {
    type: 'object',
    properties: {
      delay: { type: 'integer', maximum: 1_440 },
      distance: { type: 'integer' },
      time: { type: 'number', minimum: 0, exclusiveMaximum: 24 },
    },
    required: ['delay', 'distance', 'time'],
    additionalProperties: false,
  },
  toRow: ({ delay, distance, time }) => ({
    departs: clockTime(time),
    delay,
    is_late: delay >= LATE_MINUTES,
    kilometres: Math.round(distance * KILOMETRES_A_MILE),
  }),
  table: flights,
  database,
})

/** `13.5` gives `'13:30'`. */
function clockTime(hours: number): string {
  const minutes = Math.round(hours * 60)
  return `${String(Math.floor(minutes / 60) % 24).padStart(2, '0')}:${String(minutes % 60).padStart(2, '0')}`
}
