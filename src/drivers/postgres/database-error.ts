import { MillraceError } from '../../core/errors.js'
import { isRetryable } from '../../core/retryable.js'

/** Whose fault an error is: infrastructure (wait and go again), the record's, or the run's (a missing table, a wrong password). */
export type DatabaseFault = 'away' | 'record' | 'run'

/** What Postgres says of an error. */
export interface Refusal {
  readonly sqlstate: string
  readonly constraint: string | undefined
  readonly column: string | undefined
  readonly detail: string | undefined
  /** COPY's own line number, from 1; undefined where the error is of no single row. */
  readonly line: number | undefined
}

interface ServerError {
  readonly code?: unknown
  readonly message?: unknown
  readonly severity?: unknown
  readonly constraint?: unknown
  readonly column?: unknown
  readonly detail?: unknown
  readonly where?: unknown
}

/** pg's own texts for a connection that ended: they carry no code. */
const endedTexts =
  /^(Connection terminated|Client has encountered a connection error|Client was closed|timeout exc?eeded|timeout expired|Query read timeout|Cannot use a pool after|the database system is)/

/** Classes that waiting may cure: connection, out of resources, operator intervention (shutdown, cancel, starting up), I/O. */
const awayClasses = new Set(['08', '53', '57', '58'])
/** Serialization, deadlock, lock not available, a read-only standby after a failover. */
const awayStates = new Set(['40001', '40P01', '55P03', '25006'])
/** Data and constraint errors; 44: WITH CHECK OPTION; P0: RAISE, ASSERT and the like in a user's trigger. */
const recordClasses = new Set(['22', '23', '44', 'P0'])
/** 21000: ON CONFLICT met a row twice; 54000: a row too large for its page, or a key for its index. */
const recordStates = new Set(['21000', '54000'])

/** Whose fault an SQLSTATE is. @see PostgreSQL documentation, Appendix A */
export function faultOf(sqlstate: string): DatabaseFault {
  const group = sqlstate.slice(0, 2)
  if (awayClasses.has(group) || awayStates.has(sqlstate)) return 'away'
  return recordClasses.has(group) || recordStates.has(sqlstate) ? 'record' : 'run'
}

/**
 * What pg or PGlite threw as Millrace's own: `MILL_DATABASE_AWAY` where the connection is at fault, else `MILL_DATABASE_REFUSED`, which is retryable
 * for serialization, deadlock, lock and resource classes. The original is the cause.
 */
export function databaseError(error: unknown, database: string): MillraceError {
  if (error instanceof MillraceError) return error
  const given = error as ServerError
  const reason = typeof given?.message === 'string' && given.message !== '' ? given.message : String(given?.code ?? error)
  const sqlstate = sqlstateOf(error)
  if (sqlstate === undefined) {
    if (isRetryable(error) || endedTexts.test(reason))
      return new MillraceError('MILL_DATABASE_AWAY', { database, reason }, { cause: error })
    return new MillraceError('MILL_DATABASE_REFUSED', { database, sqlstate: 'none', reason }, { cause: error })
  }
  if (isConnectionLoss(sqlstate)) return new MillraceError('MILL_DATABASE_AWAY', { database, reason }, { cause: error })
  const { constraint, column } = refusalOf(error)!
  const details = { database, sqlstate, reason, constraint, column }
  return new MillraceError('MILL_DATABASE_REFUSED', details, { cause: error, retryable: faultOf(sqlstate) === 'away' })
}

/** What Postgres said, of its own error or of one made by {@link databaseError}; undefined where no server spoke. */
export function refusalOf(error: unknown): Refusal | undefined {
  const server = (error instanceof MillraceError ? error.cause : error) as ServerError | undefined
  const sqlstate = sqlstateOf(server)
  if (sqlstate === undefined) return undefined
  const { constraint, column, detail, where } = server!
  const line = typeof where === 'string' ? /(?:^|\n)COPY .+?, line (\d+)/.exec(where)?.[1] : undefined
  return {
    sqlstate,
    constraint: textOf(constraint),
    column: textOf(column) ?? (typeof where === 'string' ? /, line \d+, column ([^:\n]+)/.exec(where)?.[1] : undefined),
    detail: textOf(detail),
    line: line === undefined ? undefined : Number(line),
  }
}

/** Whether the statement may have been done although it failed: the connection was lost while it was under way. */
export function isOutcomeUnknown(error: unknown): boolean {
  const sqlstate = refusalOf(error)?.sqlstate
  return sqlstate === undefined ? isRetryable(error) : isConnectionLoss(sqlstate)
}

const isConnectionLoss = (sqlstate: string): boolean => sqlstate.startsWith('08') || sqlstate.startsWith('57P')

const textOf = (value: unknown): string | undefined => (typeof value === 'string' && value !== '' ? value : undefined)

function sqlstateOf(error: unknown): string | undefined {
  if (typeof error !== 'object' || error === null) return undefined
  const { code, severity } = error as ServerError
  // Node's codes (EPIPE) may have five letters too; only a server's error has a severity.
  return typeof code === 'string' && typeof severity === 'string' && /^[0-9A-Z]{5}$/.test(code) ? code : undefined
}
