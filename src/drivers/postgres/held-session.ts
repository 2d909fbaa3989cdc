import type { Knex } from 'knex'
import type { DatabaseConnection, DatabaseSession, MessageResult, QueryResult } from './database-session.js'
import type { Engine } from './engine.js'

/** One part's hold on an engine. @internal */
export class HeldSession implements DatabaseSession {
  private released: Promise<void> | undefined
  private builder: Promise<Knex> | undefined

  constructor(
    readonly name: string,
    private readonly engine: Engine,
    private readonly giveBack: () => Promise<void>,
  ) {}

  get embedded(): boolean {
    return this.engine.embedded
  }

  get copySource(): string {
    return this.engine.copySource
  }

  query<Row>(sql: string, params?: readonly unknown[], options?: { readonly name?: string }): Promise<QueryResult<Row>> {
    return this.withConnection(connection => connection.query<Row>(sql, params, options))
  }

  message(sql: string, copies?: readonly Iterable<Buffer>[]): Promise<readonly MessageResult[]> {
    return this.withConnection(connection => connection.message(sql, copies))
  }

  async withConnection<T>(fn: (connection: DatabaseConnection) => Promise<T>): Promise<T> {
    const connection = await this.engine.acquire()
    try {
      return await fn(connection)
    } finally {
      connection.release()
    }
  }

  transaction<T>(fn: (connection: DatabaseConnection) => Promise<T>): Promise<T> {
    return this.withConnection(async connection => {
      await connection.message('begin')
      try {
        const result = await fn(connection)
        await connection.message('commit')
        return result
      } catch (error) {
        // The first error counts; a connection that cannot roll back is thrown away by `release`.
        await connection.message('rollback').catch(() => {})
        throw error
      }
    })
  }

  knex(): Promise<Knex> {
    this.builder ??= import('./knex-on-engine.js').then(({ knexOn }) => knexOn(this.engine))
    return this.builder
  }

  close(): Promise<void> {
    this.released ??= this.giveBack()
    return this.released
  }
}
