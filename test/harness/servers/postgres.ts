import { checkPostgres, LocalPostgres } from './local-postgres.js'
import type { Server } from './server.js'

/** Postgres, for whatever is tested against the real one. */
export const postgresServer: Server = {
  name: 'postgres',
  variable: 'DATABASE_URL',
  compose: {
    port: 5432,
    portVariable: 'MILLRACE_POSTGRES_PORT',
    address: port => `postgres://millrace:millrace@127.0.0.1:${port}/millrace`,
  },
  startLocal: () => LocalPostgres.create(),
  check: checkPostgres,
}
