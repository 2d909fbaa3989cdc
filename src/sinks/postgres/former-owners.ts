import { delay, systemClock } from '../../core/clock.js'
import { refusalOf } from '../../drivers/postgres/database-error.js'
import type { DatabaseConnection, DatabaseSession } from '../../drivers/postgres/database-session.js'
import { textArray } from '../../drivers/postgres/literals.js'

const LOCK_NOT_AVAILABLE = '55P03'
const LOOK_EVERY_MS = 100

/** What the connections of an owner are called, so that a later owner knows them. */
export const applicationName = (owner: string): string => `millrace/${owner}`

/**
 * Owners that lost a partition but may still hold locks: a process frozen in the middle of a COPY keeps the keys of its rows without end, and neither
 * idle nor statement timeouts end it.
 */
export class FormerOwners {
  private readonly names = new Set<string>()

  constructor(private readonly self: string) {}

  add(owner: string): void {
    if (owner !== this.self) this.names.add(applicationName(owner))
  }

  /** Runs `fn`; when it fails for a lock, once more, while the connections of former owners that stand in its way are ended. */
  async outwaiting<T>(session: DatabaseSession, connection: DatabaseConnection, fn: () => Promise<T>): Promise<T> {
    try {
      return await fn()
    } catch (error) {
      if (session.embedded || refusalOf(error)?.sqlstate !== LOCK_NOT_AVAILABLE) throw error
    }
    const watch = new AbortController()
    const watching = this.endBlockers(session, connection.pid, watch.signal)
    try {
      return await fn()
    } finally {
      watch.abort()
      await watching
    }
  }

  private async endBlockers(session: DatabaseSession, pid: number, signal: AbortSignal): Promise<void> {
    // Named in the ledger no more: an owner before the last one, of which only its own connections know.
    const sql = `select pg_terminate_backend(a.pid) from pg_stat_activity a where a.pid = any(pg_blocking_pids(${pid})) and (a.application_name = any(${textArray([...this.names])})
      or a.application_name like 'millrace/%' and not exists (select from millrace_ledger l where 'millrace/' || l.owner = a.application_name))`
    while (!signal.aborted) {
      // What keeps the look from being done shows in the write itself.
      await session.query(sql).catch(() => {})
      await delay(systemClock, LOOK_EVERY_MS, signal).catch(() => {})
    }
  }
}
