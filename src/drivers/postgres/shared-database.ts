import { resolve } from 'node:path'
import type { EmbeddedOptions, ServerOptions } from './database-options.js'
import type { DatabaseSession } from './database-session.js'
import type { Engine } from './engine.js'
import { HeldSession } from './held-session.js'

/**
 * A database and who holds it. The engine (a pool, or PGlite) is opened with the first hold and closed with the last.
 * @internal
 */
export class SharedDatabase {
  private holds = 0
  private engine: Promise<Engine> | undefined
  private closing: Promise<void> = Promise.resolve()

  private constructor(
    readonly name: string,
    readonly isEmbedded: boolean,
    private readonly start: () => Promise<Engine>,
    /** Of a server. */
    readonly server: Required<ServerOptions> | null,
    /** Of an embedded one, absolute. */
    readonly directory: string | null,
  ) {}

  static server(options: Required<ServerOptions>): SharedDatabase {
    const name = serverName(options.connection)
    // Loaded on demand: whoever has no Postgres pays nothing for pg at start.
    return new SharedDatabase(name, false, async () => (await import('./server-engine.js')).startServer(name, options), options, null)
  }

  static embedded(options: EmbeddedOptions): SharedDatabase {
    const directory = resolve(options.embedded)
    const start = async () => (await import('./embedded-engine.js')).startEmbedded(options.embedded, directory)
    return new SharedDatabase(options.embedded, true, start, null, directory)
  }

  /** One connection of its own, not of the pool, which does not wait for long; embedded there is but one engine, so the same. */
  forInspection(connectTimeoutMs: number): SharedDatabase {
    return this.server === null ? this : SharedDatabase.server({ ...this.server, maxConnections: 1, connectTimeoutMs })
  }

  async open(): Promise<DatabaseSession> {
    this.holds++
    try {
      const engine = await this.started()
      await engine.check()
      return new HeldSession(this.name, engine, () => this.release(engine))
    } catch (error) {
      this.holds--
      if (this.holds === 0) await this.stop()
      throw error
    }
  }

  async close(): Promise<void> {
    await this.stop()
  }

  private started(): Promise<Engine> {
    if (this.engine === undefined) {
      // A directory can be opened again only once it was closed.
      const engine = this.closing.then(this.start)
      this.engine = engine
      engine.catch(() => {
        if (this.engine === engine) this.engine = undefined
      })
    }
    return this.engine
  }

  private async release(engine: Engine): Promise<void> {
    this.holds--
    // Asked for again behind the await: meanwhile somebody may have taken hold of it.
    if (this.holds === 0 && (await this.engine) === engine && this.holds === 0) await this.stop()
  }

  private stop(): Promise<void> {
    const { engine } = this
    if (engine === undefined) return this.closing
    this.engine = undefined
    const closed = engine.then(
      started => started.close(),
      () => {},
    )
    this.closing = Promise.all([this.closing, closed]).then(
      () => {},
      () => {},
    )
    return closed
  }
}

/** Host, port and database of a connection string; no user, no password. */
function serverName(connection: string): string {
  try {
    const { hostname, port, pathname, searchParams } = new URL(connection)
    const host = searchParams.get('host') ?? decodeURIComponent(hostname)
    return `${host || 'localhost'}${port ? `:${port}` : ''}${pathname === '/' ? '' : pathname}`
  } catch {
    return 'postgres'
  }
}
