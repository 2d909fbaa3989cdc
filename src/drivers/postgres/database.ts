import { MillraceError } from '../../core/errors.js'
import { option, resolveOptions } from '../../core/options.js'
import type { EmbeddedOptions, ServerOptions } from './database-options.js'
import type { DatabaseSession } from './database-session.js'
import { SharedDatabase } from './shared-database.js'

/** One Postgres database: parts made with the same object share its connections and its transactions. */
export interface Database {
  /** As in messages: host, port and database, or the directory. Never a password. */
  readonly name: string
  /** Closes all connections now. Not needed after a run: the last part that closes does it. */
  close(): Promise<void>
}

/**
 * Names one Postgres database, on a server or embedded in a directory. Nothing is opened before a part needs it.
 *
 * @throws {MillraceError} `MILL_OPTION_INVALID`, `MILL_OPTION_UNKNOWN`.
 */
export function postgres(options: ServerOptions | EmbeddedOptions): Database {
  if (typeof options === 'object' && options !== null && 'embedded' in options) {
    return SharedDatabase.embedded(resolveOptions<EmbeddedOptions>('postgres', options, { embedded: option.text() }))
  }
  const server = resolveOptions<Required<ServerOptions>>('postgres', options, {
    connection: option.text(),
    maxConnections: option.wholeNumber(1, { default: 10 }),
    connectTimeoutMs: option.wholeNumber(1, { default: 10_000 }),
  })
  // pg takes any text for the name of a database on the host `base`, which would be waited for. Not shown: it may hold a password.
  if (!address.test(server.connection))
    throw new MillraceError('MILL_OPTION_INVALID', {
      where: 'postgres',
      option: 'connection',
      expected: 'postgres://user:password@host:port/database',
      given: 'a text that does not begin with postgres://',
    })
  return SharedDatabase.server(server)
}

/** A URL, or the directory of a socket. */
const address = /^(postgres(ql)?:\/\/|socket:|\/)/i

/**
 * Takes hold of a database; the first hold opens it. Waits neither for a server that is away nor for a directory that another process uses.
 *
 * @throws {MillraceError} `MILL_DATABASE_AWAY` when it cannot be reached (retryable).
 * @internal
 */
export function openDatabase(database: Database): Promise<DatabaseSession> {
  return sharedOf(database).open()
}

/** The object itself, checked: what parts give out as their `scope`. @internal */
export function databaseScope(database: Database): object {
  return sharedOf(database)
}

/** Whether it lives in this process, behind one connection. @internal */
export function isEmbedded(database: Database): boolean {
  return sharedOf(database).isEmbedded
}

/** The object behind a database, checked. @internal */
export function sharedOf(database: Database): SharedDatabase {
  if (database instanceof SharedDatabase) return database
  throw new MillraceError('MILL_OPTION_INVALID', {
    where: 'postgres',
    option: 'database',
    expected: 'a database made by postgres()',
    // Not shown: it may be the options, with a password.
    given: database === undefined ? 'nothing' : 'something else',
  })
}
