import { memberOf } from './member.js'
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
/** Of names and codes, which are counted and looked for. */
const MAX_WORD = 200

/** What is kept of an error. Anything can be thrown, so anything is taken; what is too long is cut. It never throws. */
export function errorReport(error: unknown, depth = 0): ErrorReport {
  if (typeof error !== 'object' || error === null) return { name: 'Thrown', message: errorText(error) }
  const details = memberOf(error, 'details')
  const code = wordOf(error, 'code')
  const sqlstate = wordOf(details, 'sqlstate')
  const constraint = wordOf(details, 'constraint')
  const cause = memberOf(error, 'cause')
  return {
    name: wordOf(error, 'name') ?? 'Error',
    message: errorText(error),
    ...(code !== undefined && { code }),
    ...(sqlstate !== undefined && { sqlstate }),
    ...(constraint !== undefined && { constraint }),
    ...(cause !== undefined && depth < MAX_CAUSES && { cause: errorReport(cause, depth + 1) }),
  }
}

/** The message of whatever was thrown, at most 4,096 characters; of what has none, the value itself. It never throws. */
export function errorText(error: unknown): string {
  const message = typeof error === 'object' ? memberOf(error, 'message') : undefined
  return typeof message === 'string' ? message.slice(0, MAX_MESSAGE) : shown(error)
}

/** The word under which a failure is counted in `RunSummary.reasons`: the error's code, else its name. */
export function reasonOf(error: unknown): string {
  if (typeof error !== 'object' || error === null) return 'Thrown'
  return wordOf(error, 'code') || wordOf(error, 'name') || 'Error'
}

function wordOf(from: unknown, name: string): string | undefined {
  const word = memberOf(from, name)
  return typeof word === 'string' ? word.slice(0, MAX_WORD) : undefined
}
