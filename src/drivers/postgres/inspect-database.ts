import { systemClock } from '../../core/clock.js'
import { errorText } from '../../core/error-report.js'
import type { Finding, InspectionContext } from '../../core/inspection.js'
import { inspectDirectory, roomIn } from '../file-system/inspect-directory.js'
import { type Database, sharedOf } from './database.js'
import { refusalOf } from './database-error.js'
import type { DatabaseSession, Queries } from './database-session.js'
import { inspectServer } from './inspect-server.js'
import { isMade } from './is-made.js'
import type { SharedDatabase } from './shared-database.js'
import { unreachable } from './unreachable.js'

/** How long an inspection waits for a server: for its connection, and then for all that it asks. ms. */
const SERVER_MS = 5_000
/** PGlite starts in this process, on a small machine under load in ten seconds. */
const EMBEDDED_MS = 30_000

/** What a part asks of a database, once it is reached. Its statements may not write: the connection is read-only. */
export type Look = (queries: Queries, user: string) => Promise<readonly Finding[]>

/** How a database is inspected. */
export interface InspectDatabaseOptions {
  readonly look: Look
  /** Embedded, where there is no database yet: what is wrong with that. Default: nothing, it is made. */
  readonly whereNew?: () => readonly Finding[]
}

/**
 * Reaches a database within 5 s, says of it what the first part that asks should say (address, version, rights to write, connections, clock, disk),
 * and lets the part look. Changes nothing.
 */
export async function* inspectDatabase(
  database: Database,
  context: InspectionContext,
  { look, whereNew = () => [] }: InspectDatabaseOptions,
): AsyncGenerator<Finding> {
  const shared = sharedOf(database)
  const isFirst = context.first(shared)
  if (shared.directory !== null && !(await isMade(database))) {
    // To open it would make it.
    if (isFirst) yield* await inspectDirectory(shared.directory, 'the embedded database')
    yield* whereNew()
    return
  }
  const begun = performance.now()
  const opened = await opening(shared, context)
  if ('failure' in opened) {
    if (isFirst) yield unreachable(database.name, opened.failure)
    return
  }
  const connectMs = performance.now() - begun
  try {
    yield* await within(opened, context, async queries => {
      const server = await inspectServer(queries, { name: database.name, connectMs, pool: shared.server?.maxConnections ?? null })
      // Embedded the connection is everybody's.
      if (!shared.isEmbedded) await queries.message('set session characteristics as transaction read only')
      const room = isFirst && shared.directory !== null ? await roomIn(shared.directory) : []
      return [...(isFirst ? server.findings : []), ...room, ...(await look(queries, server.user))]
    })
  } finally {
    await opened.close()
  }
}

/** The session, or why there is none. One that comes too late is closed. */
async function opening(shared: SharedDatabase, { signal }: InspectionContext): Promise<DatabaseSession | { readonly failure: unknown }> {
  const ms = shared.isEmbedded ? EMBEDDED_MS : SERVER_MS
  const opened = shared.forInspection(SERVER_MS).open()
  try {
    return await bounded(opened, ms, signal, () => {
      void opened.then(session => session.close()).catch(() => {})
    })
  } catch (failure) {
    return { failure }
  }
}

async function within(
  session: DatabaseSession,
  { signal }: InspectionContext,
  ask: (queries: Queries) => Promise<readonly Finding[]>,
): Promise<readonly Finding[]> {
  try {
    return await session.withConnection(async connection => {
      return bounded(ask(connection), session.embedded ? EMBEDDED_MS : SERVER_MS, signal, () => connection.abort())
    })
  } catch (error) {
    const refusal = refusalOf(error)
    if (refusal === undefined) return [unreachable(session.name, error)]
    return [
      {
        level: 'fault',
        what: `database ${session.name} refused a question of the inspection`,
        cause: errorText(error),
        ...(refusal.sqlstate === '42501' && { fix: 'grant the right that is named', kind: 'not-allowed' as const }),
      },
    ]
  }
}

/** What `promise` gives, unless that takes too long or nobody waits: then `give up` is called, and it fails. */
async function bounded<T>(promise: Promise<T>, ms: number, signal: AbortSignal, giveUp: () => void): Promise<T> {
  promise.catch(() => {})
  let stop = (): void => {}
  const late = new Promise<never>((_, reject) => {
    const end = (reason: Error): void => {
      giveUp()
      reject(reason)
    }
    const cancel = systemClock.after(ms, () => end(Object.assign(new Error(`no answer within ${ms} ms`), { code: 'ETIMEDOUT' })))
    const onAbort = (): void => end(new Error('the inspection was stopped'))
    signal.addEventListener('abort', onAbort, { once: true })
    if (signal.aborted) onAbort()
    stop = () => {
      cancel()
      signal.removeEventListener('abort', onAbort)
    }
  })
  try {
    return await Promise.race([promise, late])
  } finally {
    stop()
  }
}
