import type { PGlite } from '@electric-sql/pglite'
import { MillraceError } from '../../core/errors.js'
import { databaseError } from './database-error.js'
import type { MessageResult, QueryResult } from './database-session.js'
import { lockDirectory } from './directory-lock.js'
import type { Engine, PooledConnection } from './engine.js'
import { mustHoldNoNul, sessionDefaults } from './session-defaults.js'

const asText = (text: string): string => text
/** int8, numeric, date: as pg gives them. */
const parsers = { 20: asText, 1700: asText, 1082: asText }

/** PGlite in a directory, behind one connection that its users take in turn. @internal */
export async function startEmbedded(name: string, directory: string): Promise<Engine> {
  const unlock = await lockDirectory(name, directory)
  try {
    const { PGlite } = await import('@electric-sql/pglite')
    const engine = await PGlite.create(directory, { parsers })
    await engine.exec(sessionDefaults)
    return new EmbeddedEngine(name, engine, unlock)
  } catch (error) {
    await unlock()
    throw databaseError(error, name)
  }
}

class EmbeddedEngine implements Engine {
  readonly embedded = true
  readonly copySource = `'/dev/blob'`
  private readonly prepared = new Map<string, string>()
  /** A message's values stay text, whatever their type. */
  private readonly textParsers: Readonly<Record<string, (text: string) => string>>
  /** Resolves when the connection is free: users queue behind each other. */
  private turn: Promise<void> = Promise.resolve()

  constructor(
    private readonly name: string,
    private readonly pglite: PGlite,
    private readonly unlock: () => Promise<void>,
  ) {
    this.textParsers = Object.fromEntries(Object.keys(pglite.parsers).map(oid => [oid, asText]))
  }

  async check(): Promise<void> {}

  async acquire(): Promise<PooledConnection> {
    const before = this.turn
    let release = (): void => {}
    this.turn = new Promise(resolve => {
      release = resolve
    })
    await before
    if (this.pglite.closed) {
      release()
      throw new MillraceError('MILL_DATABASE_AWAY', { database: this.name, reason: 'it was closed' })
    }
    return new EmbeddedConnection(this.name, this.pglite, this.prepared, this.textParsers, release)
  }

  async close(): Promise<void> {
    await this.turn
    await this.pglite.close()
    await this.unlock()
  }
}

class EmbeddedConnection implements PooledConnection {
  readonly pid = 0
  readonly copySource = `'/dev/blob'`

  constructor(
    private readonly database: string,
    private readonly pglite: PGlite,
    private readonly prepared: Map<string, string>,
    private readonly textParsers: Readonly<Record<string, (text: string) => string>>,
    readonly release: () => void,
  ) {}

  async query<Row>(sql: string, params: readonly unknown[] = []): Promise<QueryResult<Row>> {
    try {
      const { rows, affectedRows } = await this.pglite.query<Row>(sql, params as unknown[])
      return { rows, rowCount: affectedRows || rows.length }
    } catch (error) {
      throw databaseError(error, this.database)
    }
  }

  async raw(sql: string, params: readonly unknown[]): Promise<unknown> {
    const { rows, rowCount } = await this.query(sql, params)
    return { rows, rowCount, command: (/^\s*(\w+)/.exec(sql)?.[1] ?? '').toUpperCase() }
  }

  async message(sql: string, copies: readonly Iterable<Buffer>[] = []): Promise<readonly MessageResult[]> {
    mustHoldNoNul(sql, this.database)
    try {
      const blob = copies[0] === undefined ? {} : { blob: new Blob([...copies[0]] as Uint8Array<ArrayBuffer>[]) }
      const results = await this.pglite.exec(sql, { rowMode: 'array', parsers: this.textParsers, ...blob })
      return results.map(({ rows, affectedRows }) => ({
        rows: rows as unknown as (string | null)[][],
        rowCount: affectedRows || rows.length,
      }))
    } catch (error) {
      throw databaseError(error, this.database)
    }
  }

  async prepare(key: string, sql: string): Promise<void> {
    if (this.prepared.get(key) === sql) return
    await this.message(sql)
    this.prepared.set(key, sql)
  }

  abort(): void {}
}
