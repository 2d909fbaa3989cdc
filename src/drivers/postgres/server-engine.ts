import pg from 'pg'
import { MillraceError } from '../../core/errors.js'
import { databaseError } from './database-error.js'
import type { ServerOptions } from './database-options.js'
import type { MessageResult, QueryResult } from './database-session.js'
import type { Engine, PooledConnection } from './engine.js'
import { mustHoldNoNul, sessionDefaults } from './session-defaults.js'
import { SimpleMessage } from './simple-message.js'

const DATE = 1082

/** A pool of connections to a server. @internal */
export async function startServer(name: string, options: Required<ServerOptions>): Promise<Engine> {
  const types = new pg.TypeOverrides()
  // pg would make a date local midnight, and so another day in another time zone.
  types.setTypeParser(DATE, text => text)
  const pool = new pg.Pool({
    connectionString: options.connection,
    max: options.maxConnections,
    connectionTimeoutMillis: options.connectTimeoutMs,
    keepAlive: true,
    keepAliveInitialDelayMillis: 10_000,
    types,
    fallback_application_name: 'millrace',
  })
  const connections = new WeakMap<pg.PoolClient, ServerConnection>()
  // An idle connection that breaks is taken out of the pool by pg; without a listener its error would end the process.
  pool.on('error', () => {})
  const acquire = async (): Promise<ServerConnection> => {
    try {
      const client = await pool.connect()
      const known = connections.get(client)
      if (known !== undefined) return known
      const connection = new ServerConnection(name, client)
      connections.set(client, connection)
      await connection.message(sessionDefaults).catch(error => {
        connection.release()
        throw error
      })
      return connection
    } catch (error) {
      throw databaseError(error, name)
    }
  }
  return {
    embedded: false,
    copySource: 'stdin',
    async check() {
      ;(await acquire()).release()
    },
    acquire,
    close: () => pool.end(),
  }
}

class ServerConnection implements PooledConnection {
  readonly copySource = 'stdin'
  private readonly prepared = new Map<string, string>()
  private isBroken = false

  constructor(
    private readonly database: string,
    private readonly client: pg.PoolClient,
  ) {
    client.on('error', () => {
      this.isBroken = true
    })
    client.on('end', () => {
      this.isBroken = true
    })
  }

  get pid(): number {
    return (this.client as unknown as { processID: number }).processID
  }

  async query<Row>(sql: string, params: readonly unknown[] = [], options: { readonly name?: string } = {}): Promise<QueryResult<Row>> {
    try {
      const { rows, rowCount } = await this.client.query({ text: sql, values: params as unknown[], ...options })
      return { rows, rowCount: rowCount ?? 0 }
    } catch (error) {
      throw this.failed(error)
    }
  }

  async raw(sql: string, params: readonly unknown[]): Promise<unknown> {
    try {
      return await this.client.query(sql, params as unknown[])
    } catch (error) {
      throw this.failed(error)
    }
  }

  async message(sql: string, copies: readonly Iterable<Buffer>[] = []): Promise<readonly MessageResult[]> {
    mustHoldNoNul(sql, this.database)
    return new Promise((resolve, reject) => {
      this.client.query(
        new SimpleMessage(sql, copies, (error, results) => {
          if (error === null) resolve(results)
          else reject(this.failed(error))
        }),
      )
    })
  }

  async prepare(key: string, sql: string): Promise<void> {
    if (this.prepared.get(key) === sql) return
    await this.message(sql)
    this.prepared.set(key, sql)
  }

  abort(): void {
    this.isBroken = true
    const { connection } = this.client as unknown as { connection: { stream: { destroy(error: Error): void } } }
    connection.stream.destroy(new MillraceError('MILL_DATABASE_AWAY', { database: this.database, reason: 'the write was aborted' }))
  }

  private failed(error: unknown): MillraceError {
    // The server's last word: the socket closes a moment later, and until then the connection would look good.
    if ((error as { severity?: unknown } | null)?.severity === 'FATAL') this.isBroken = true
    return databaseError(error, this.database)
  }

  release(): void {
    const status = (this.client as unknown as { getTransactionStatus(): string | null }).getTransactionStatus()
    this.client.release(this.isBroken || status === 'T')
  }
}
