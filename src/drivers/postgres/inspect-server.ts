import { systemClock } from '../../core/clock.js'
import type { Finding } from '../../core/inspection.js'
import type { Queries } from './database-session.js'

/** Apart from this, filters by time and the ages of what the ledger remembers go wrong. ms. */
const MAX_SKEW_MS = 2_000
/** int8multirange. */
const OLDEST_VERSION = 140_000

interface ServerFacts {
  readonly version: string
  readonly number: number
  readonly user: string
  readonly inRecovery: boolean
  readonly readOnly: string
  readonly now: string
  /** How many connections this user may still open. */
  readonly left: number
}

const FACTS = `select current_setting('server_version') as "version", current_setting('server_version_num')::int as "number", current_user as "user",
  pg_is_in_recovery() as "inRecovery", current_setting('default_transaction_read_only') as "readOnly",
  (extract(epoch from clock_timestamp()) * 1000)::bigint::text as "now",
  least(
    current_setting('max_connections')::int
      - case when r.rolsuper then 0 else current_setting('superuser_reserved_connections')::int end
      - (select count(*) from pg_stat_activity where datname is not null)::int,
    case when r.rolconnlimit < 0 then 100000 else r.rolconnlimit - (select count(*) from pg_stat_activity where usename = current_user)::int end,
    case when d.datconnlimit < 0 then 100000 else d.datconnlimit - (select count(*) from pg_stat_activity where datname = d.datname)::int end
  ) as "left"
from pg_roles r, pg_database d where r.rolname = current_user and d.datname = current_database()`

/** How a server is asked. */
export interface InspectServerOptions {
  readonly name: string
  /** How long it took to connect. */
  readonly connectMs: number
  /** How many connections the pool may want; null for an embedded database. */
  readonly pool: number | null
}

/** What is to be said of a server that answers: version, whether it takes writes, connections left, its clock. And who we are there. */
export async function inspectServer(
  queries: Queries,
  { name, connectMs, pool }: InspectServerOptions,
): Promise<{ readonly user: string; readonly findings: readonly Finding[] }> {
  const before = systemClock.now()
  const { rows } = await queries.query<ServerFacts>(FACTS)
  const after = systemClock.now()
  const facts = rows[0]!
  const findings: Finding[] = [
    {
      level: 'ok',
      what: `database ${name} answers in ${Math.max(1, Math.round(connectMs))} ms, Postgres ${facts.version}, as ${facts.user}`,
    },
    ...ofVersion(name, facts),
    ...ofWriting(name, facts),
  ]
  // Of a database in this process there is neither.
  if (pool !== null) findings.push(...ofConnections(name, facts, pool), ...ofClock(name, facts, before, after))
  return { user: facts.user, findings }
}

function ofVersion(name: string, { version, number }: ServerFacts): Finding[] {
  if (number >= OLDEST_VERSION) return []
  const what = `database ${name} is Postgres ${version}, which is too old`
  return [
    { level: 'fault', what, cause: 'the ledger needs multiranges, which came with Postgres 14', fix: 'upgrade the server', kind: 'config' },
  ]
}

function ofWriting(name: string, { inRecovery, readOnly, user }: ServerFacts): Finding[] {
  const what = `database ${name} is read-only`
  const kind = 'config'
  if (inRecovery)
    return [{ level: 'fault', what, cause: 'the server is a replica', fix: 'take the address of the primary in connection', kind }]
  if (readOnly !== 'on') return []
  const cause = `default_transaction_read_only is on for ${user}`
  const fix = `alter role ${user} reset default_transaction_read_only, or the same of the database or the server`
  return [{ level: 'fault', what, cause, fix, kind }]
}

function ofConnections(name: string, { left }: ServerFacts, pool: number): Finding[] {
  if (left >= pool) return []
  return [
    {
      level: 'warning',
      what: `database ${name} has ${left} connections left, this pool may open ${pool}`,
      cause: 'max_connections of the server, or the limit of the role or the database',
      fix: 'raise that limit, or lower maxConnections in postgres()',
    },
  ]
}

function ofClock(name: string, { now }: ServerFacts, before: number, after: number): Finding[] {
  const apart = Number(now) < before ? before - Number(now) : Math.max(0, Number(now) - after)
  if (apart <= MAX_SKEW_MS) return []
  const seconds = (apart / 1000).toFixed(1)
  const what = `the clock of database ${name} is ${seconds} s ${Number(now) < before ? 'behind' : 'ahead of'} that of this machine`
  return [
    { level: 'warning', what, cause: 'times in quarantine are of the server, filters of this machine', fix: 'let both go by the same NTP' },
  ]
}
