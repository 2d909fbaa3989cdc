import { errorClassOf } from '../../core/error-class.js'
import { errorText } from '../../core/error-report.js'
import { isMillraceError } from '../../core/errors.js'
import type { FaultKind, Finding } from '../../core/inspection.js'
import { memberOf } from '../../core/member.js'
import { refusalOf } from './database-error.js'

interface Judgement {
  readonly what: (database: string) => string
  readonly fix: string
  readonly kind: FaultKind
}

/** What is wrong where a database cannot be reached: by what the server answered, else by what the network did. */
export function unreachable(database: string, error: unknown): Finding {
  const { what, fix, kind } = judgementOf(error)
  return { level: 'fault', what: what(database), cause: causeOf(error), fix, kind }
}

function judgementOf(error: unknown): Judgement {
  const sqlstate = refusalOf(error)?.sqlstate
  if (sqlstate !== undefined) return byState[sqlstate] ?? byState[sqlstate.slice(0, 2)] ?? refused
  if (errorClassOf(error) === 'locked') return locked
  // pg's own bound on connecting throws an error without a code.
  return byCode[codeOf(error)] ?? (causeOf(error).includes('timeout') ? silent : away)
}

const locked: Judgement = {
  what: database => `the embedded database ${database} is locked`,
  fix: 'wait until that process ends, or stop it: one process at a time may use an embedded database',
  kind: 'locked',
}
const refused: Judgement = {
  what: database => `database ${database} refuses the connection`,
  fix: 'do as the server says',
  kind: 'unavailable',
}
const away: Judgement = {
  what: database => `database ${database} is away`,
  fix: 'start the server, or correct host and port of connection',
  kind: 'unavailable',
}
const silent: Judgement = {
  what: database => `database ${database} does not answer`,
  fix: 'look whether the server hangs, and whether a firewall stands between',
  kind: 'unavailable',
}
const unknownHost: Judgement = {
  what: database => `the host of database ${database} is not known`,
  fix: 'correct the host of connection',
  kind: 'unavailable',
}
const login: Judgement = {
  what: database => `database ${database} does not take the user or the password`,
  fix: 'correct user and password of connection; where they are right, the server’s pg_hba.conf may not let this machine in',
  kind: 'not-allowed',
}

const byState: Readonly<Record<string, Judgement>> = {
  '28': login,
  '3D000': {
    what: database => `database ${database} does not exist`,
    fix: 'create it (createdb), or correct its name in connection',
    kind: 'config',
  },
  '42501': {
    what: database => `the user may not connect to database ${database}`,
    fix: 'grant connect on that database',
    kind: 'not-allowed',
  },
  '53300': {
    what: database => `database ${database} has no connection left`,
    fix: 'raise max_connections of the server, or lower maxConnections of those who use it',
    kind: 'unavailable',
  },
  '57P03': {
    what: database => `the server of database ${database} is starting or stopping`,
    fix: 'wait until it is up',
    kind: 'unavailable',
  },
}

const byCode: Readonly<Record<string, Judgement>> = {
  ECONNREFUSED: away,
  ECONNRESET: away,
  EPIPE: away,
  ENOTFOUND: unknownHost,
  EAI_AGAIN: unknownHost,
  ETIMEDOUT: silent,
  EHOSTUNREACH: silent,
  ENETUNREACH: silent,
}

function causeOf(error: unknown): string {
  if (isMillraceError(error, 'MILL_DATABASE_AWAY')) return error.details.reason
  if (isMillraceError(error, 'MILL_DATABASE_REFUSED')) return `${error.details.reason} (SQLSTATE ${error.details.sqlstate})`
  return errorText(error)
}

/** Of the error, or of a cause of it; of several at once (`errors`), of the first. */
function codeOf(error: unknown): string {
  for (let at: unknown = error, depth = 0; at != null && depth < 5; depth++) {
    const code = memberOf(at, 'code')
    if (typeof code === 'string' && code in byCode) return code
    const errors = memberOf(at, 'errors')
    at = Array.isArray(errors) ? errors[0] : memberOf(at, 'cause')
  }
  return ''
}
