/** A server. */
export interface ServerOptions {
  /** `postgres://user:password@host:port/database?sslmode=require`: a URL as libpq takes it. */
  readonly connection: string
  /** Connections at most, of all parts together. Default 10. */
  readonly maxConnections?: number
  /** How long to wait for a connection, in ms. Default 10,000. */
  readonly connectTimeoutMs?: number
}

/** PGlite: a Postgres within this process. */
export interface EmbeddedOptions {
  /** The directory that holds the database; made where it is not there. One process at a time may use it. */
  readonly embedded: string
}
