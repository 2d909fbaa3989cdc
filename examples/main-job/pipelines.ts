import { database } from './database.js'
import { flightsPipeline } from './flights.js'
import { moviesPipeline } from './movies.js'

/** What `npm start` runs, one after the other. */
export default [moviesPipeline, flightsPipeline]

/** What `npm start` says at the end. */
export const hints = [
  `rows, quarantine and ledger are in ${database.name}`,
  '  npm run sql -- "select * from movies order by profit desc nulls last limit 5"',
  '  npm run sql -- "select stage, code, error->>\'message\' as message from millrace_quarantine limit 5"',
  'run it again: nothing is delivered twice. Start anew: rm -r .millrace',
]
