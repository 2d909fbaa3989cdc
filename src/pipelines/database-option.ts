import { relative, resolve } from 'node:path'
import type { JsonSchema } from '../config/config-schema.js'
import { type Database, postgres } from '../drivers/postgres/database.js'
import type { EmbeddedOptions, ServerOptions } from '../drivers/postgres/database-options.js'

/** A database as a config writes it: a server, or a directory. */
export type DatabaseOption = ServerOptions | EmbeddedOptions

/** A {@link DatabaseOption} as JSON Schema. */
export const databaseSchema: JsonSchema = {
  type: 'object',
  title: 'an object with either connection or embedded',
  description: 'The database of rows, quarantine and ledger: a server by `connection`, or one within the process by `embedded`.',
  additionalProperties: false,
  properties: {
    connection: {
      type: 'string',
      title: 'postgres://user:password@host:port/database',
      pattern: '^([Pp][Oo][Ss][Tt][Gg][Rr][Ee][Ss]([Qq][Ll])?://|socket:|/)',
      description:
        '`postgres://user:password@host:port/database?sslmode=require`. Keep the password out of the file: `${DATABASE_URL}`, `${file:…}`.',
    },
    embedded: {
      type: 'string',
      minLength: 1,
      description:
        'A directory, relative to the config, that holds a database within this process (PGlite). Made where it is not there; one process at a time.',
    },
    maxConnections: { type: 'integer', minimum: 1, description: 'Connections to the server at most. Default 10.' },
    connectTimeoutMs: {
      type: 'integer',
      minimum: 1,
      description: 'How long to wait for a connection to the server, in ms. Default 10000.',
    },
  },
  oneOf: [
    { required: ['connection'] },
    { required: ['embedded'], not: { anyOf: [{ required: ['maxConnections'] }, { required: ['connectTimeoutMs'] }] } },
  ],
}

const embedded = new Map<string, Database>()

/**
 * The database of a config. Pipelines with the same directory share it: it can be opened once in a process.
 *
 * @throws {MillraceError} What `postgres()` throws.
 */
export function databaseOf(option: DatabaseOption, directory: string): Database {
  if (!('embedded' in option)) return postgres(option)
  const path = resolve(directory, option.embedded)
  const database = embedded.get(path) ?? postgres({ embedded: shortest(path) })
  embedded.set(path, database)
  return database
}

/** As messages show it. */
function shortest(path: string): string {
  const fromHere = relative('.', path)
  return fromHere === '' || fromHere.startsWith('..') ? path : fromHere
}
