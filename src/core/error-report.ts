import { shown } from './options.js'

/** An error as it is kept and shown: plain JSON, causes included, no stack (it would hold paths of the machine). */
export interface ErrorReport {
  readonly name: string
  readonly message: string
  /** The code of Millrace, Node or a library. */
  readonly code?: string
  /** What Postgres calls SQLSTATE, five characters. */
  readonly sqlstate?: string
  readonly constraint?: string
  readonly details?: unknown
  readonly cause?: ErrorReport
}

const MAX_CAUSES = 8
const MAX_MESSAGE = 4_096

/** What is kept of an error. Anything can be thrown, so anything is taken. */
export function errorReport(error: unknown, depth = 0): ErrorReport {
  if (typeof error !== 'object' || error === null) return { name: 'Thrown', message: shown(error) }
  const given = error as {
    name?: unknown
    message?: unknown
    code?: unknown
    details?: { sqlstate?: unknown; constraint?: unknown }
    cause?: unknown
  }
  const { sqlstate, constraint } = given.details ?? {}
  return {
    name: typeof given.name === 'string' ? given.name : 'Error',
    message: (typeof given.message === 'string' ? given.message : shown(error)).slice(0, MAX_MESSAGE),
    ...(typeof given.code === 'string' && { code: given.code }),
    ...(typeof sqlstate === 'string' && { sqlstate }),
    ...(typeof constraint === 'string' && { constraint }),
    ...(given.cause !== undefined && depth < MAX_CAUSES && { cause: errorReport(given.cause, depth + 1) }),
  }
}

/** The word under which a failure is counted in `RunSummary.reasons`: the error's code, else its name. */
export function reasonOf(error: unknown): string {
  if (typeof error !== 'object' || error === null) return 'Thrown'
  const { code, name } = error as { code?: unknown; name?: unknown }
  if (typeof code === 'string' && code !== '') return code
  return typeof name === 'string' && name !== '' ? name : 'Error'
}
