import knexModule, { type Knex } from 'knex'
import type { Engine, PooledConnection } from './engine.js'

type Callback = (error: unknown, response?: unknown) => void

/** knex, whose connections are the engine's: it opens none of its own and closes none. @internal */
export function knexOn(engine: Engine): Knex {
  const connectionPool = { connect: async () => knexConnection(await engine.acquire()) }
  // `connectionPool` takes what looks like a pg.Pool; its types name the real class.
  return knexModule({ client: 'pg', connectionPool } as unknown as Knex.Config)
}

/** As much of pg's client as knex's dialect asks for. */
function knexConnection(connection: PooledConnection): object {
  return {
    query(config: string | { readonly text: string; readonly values?: readonly unknown[] }, callback: Callback) {
      const { text, values = [] } = typeof config === 'string' ? { text: config } : config
      connection.raw(text, values).then(response => callback(null, response), callback)
    },
    release: () => connection.release(),
  }
}
