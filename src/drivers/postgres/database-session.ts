import type { Knex } from 'knex'

/** The rows of one statement. Types as pg reads them, and PGlite is made to read them: int8, numeric and date as text, timestamptz as Date, bytea as bytes. */
export interface QueryResult<Row = Record<string, unknown>> {
  readonly rows: readonly Row[]
  /** How many rows were read or written. */
  readonly rowCount: number
}

/** What one statement of a message gave: all values as Postgres writes them in text, null for NULL. */
export interface MessageResult {
  readonly rows: readonly (readonly (string | null)[])[]
  /** How many rows were read or written. */
  readonly rowCount: number
}

/** What can be asked of a session (on any connection) and of one connection alike. Every error is a MillraceError: see `databaseError`. */
export interface Queries {
  /**
   * Runs one statement with parameters `$1`, `$2`, …
   *
   * @param options.name - Names the statement, so that a server parses it once a connection.
   */
  query<Row = Record<string, unknown>>(
    sql: string,
    params?: readonly unknown[],
    options?: { readonly name?: string },
  ): Promise<QueryResult<Row>>
  /**
   * Sends one simple-protocol message: any number of statements, separated by `;`, in one implicit transaction unless they say BEGIN.
   *
   * @param copies - The rows of each `copy … from ${copySource}` in the message, in order, in COPY's text format, in parts. Embedded: at most one.
   */
  message(sql: string, copies?: readonly Iterable<Buffer>[]): Promise<readonly MessageResult[]>
  /** What a COPY in a message reads from: `stdin`, embedded `'/dev/blob'`. */
  readonly copySource: string
}

/** One connection, held by one user at a time. */
export interface DatabaseConnection extends Queries {
  /** The server's process id of this connection; 0 embedded. */
  readonly pid: number
  /**
   * Runs `sql` unless it was the last that this connection ran under this key: settings, temporary tables. Not within a transaction, which could
   * be rolled back.
   */
  prepare(key: string, sql: string): Promise<void>
  /** Closes the socket at once; what is under way on it fails as away, its outcome unknown. Embedded: does nothing. */
  abort(): void
}

/** A part's hold on a database. The pool, or the embedded engine, is closed with the last session. */
export interface DatabaseSession extends Queries {
  /** As in messages. */
  readonly name: string
  readonly embedded: boolean
  /** Gives a connection for as long as `fn` takes. Embedded there is one, so users take turns: never ask within `fn` again. */
  withConnection<T>(fn: (connection: DatabaseConnection) => Promise<T>): Promise<T>
  /** BEGIN, `fn`, COMMIT; after a throw ROLLBACK. */
  transaction<T>(fn: (connection: DatabaseConnection) => Promise<T>): Promise<T>
  /** knex over this database's own connections, for schema and small transactions. */
  knex(): Promise<Knex>
  /** Gives the hold back. Twice does nothing more. */
  close(): Promise<void>
}
