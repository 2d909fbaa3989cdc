import type { DatabaseConnection } from './database-session.js'

/** What a server's pool and PGlite have in common. @internal */
export interface Engine {
  readonly embedded: boolean
  readonly copySource: string
  /** Resolves when the database answers. */
  check(): Promise<void>
  acquire(): Promise<PooledConnection>
  close(): Promise<void>
}

/** A connection that goes back to its engine. @internal */
export interface PooledConnection extends DatabaseConnection {
  /** Gives it back; a broken one, or one left in a transaction, is thrown away. */
  release(): void
  /** As pg gives it, for knex: the command's word, fields and all. */
  raw(sql: string, params: readonly unknown[]): Promise<unknown>
}
