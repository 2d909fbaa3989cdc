import { defineConfig } from 'millrace'
import { database } from './database.js'
import { flightsPipeline } from './flights.js'
import { moviesPipeline } from './movies.js'

const isServer = process.env['DATABASE_URL'] !== undefined

/** What `npm start` runs, one after the other. */
export default defineConfig({
  pipelines: { movies: moviesPipeline, flights: flightsPipeline },
  concurrently: 1,
  restart: { maxInARow: 3 }, // it is to end
  log: { level: 'warn', format: 'lines' },
  hints: [
    `rows, quarantine and ledger are in ${database.name}${isServer ? '; look at them with the same DATABASE_URL:' : ''}`,
    '  npm run sql -- "select * from movies order by profit desc nulls last limit 5"',
    '  npm run sql -- "select stage, code, message from millrace_quarantine limit 5"',
    'run it again: nothing is delivered twice. To start anew:',
    isServer ? '  npm run sql -- "drop table movies, flights, millrace_quarantine, millrace_ledger"' : '  rm -r .millrace',
  ],
})
