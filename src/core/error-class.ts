import { causesOf } from './causes.js'
import { type ErrorCode, isMillraceError } from './errors.js'
import { memberOf } from './member.js'
import { isRetryable } from './retryable.js'

/**
 * What can be done about an error, told from its code and details, never from its text.
 *
 * `config`: what was defined or configured is wrong, so trying again is in vain. `not-allowed`: a right or a password is missing. `unavailable`: a
 * service is away. `locked`: another process has what is needed for itself. `fenced`: another owner has taken over. `failed`: anything else.
 */
export type ErrorClass = 'config' | 'not-allowed' | 'unavailable' | 'locked' | 'fenced' | 'failed'

/** A code that is not here is `config` if it begins with MILL_CONFIG_, `unavailable` where the error says that waiting helps, else `failed`. */
const classOf: Partial<Record<ErrorCode, ErrorClass>> = {
  MILL_OPTION_INVALID: 'config',
  MILL_OPTION_UNKNOWN: 'config',
  MILL_BATCH_EXCEEDS_WINDOW: 'config',
  MILL_SCHEMA_INVALID: 'config',
  MILL_LEDGER_UNSUPPORTED: 'config',
  MILL_LEDGER_SHARED: 'config',
  MILL_LEDGER_AHEAD: 'config',
  MILL_PACKAGE_MISSING: 'config',
  MILL_CODEC_UNAVAILABLE: 'config',
  MILL_TOPIC_UNKNOWN: 'config',
  MILL_OFFSET_OUT_OF_RANGE: 'config',
  MILL_EXPAND_NEEDS_OVERWRITE: 'config',
  MILL_FILE_NOT_FOUND: 'config',
  MILL_FILE_REPLACED: 'config',
  MILL_TABLE_MISSING: 'config',
  MILL_TABLE_MISMATCH: 'config',
  MILL_START_TIMEOUT: 'unavailable',
  MILL_PARTITION_FENCED: 'fenced',
}

/** Their cause says what is wrong; of any other error of ours the code has the last word. */
const wrappers: ReadonlySet<string> = new Set<ErrorCode>([
  'MILL_SOURCE_FAILED',
  'MILL_SINK_FAILED',
  'MILL_STORE_FAILED',
  'MILL_QUARANTINE_FAILED',
  'MILL_FILE_UNREADABLE',
  'MILL_PORT_UNAVAILABLE',
])

/** SQLSTATE of a password that is wrong, a user that may not log in, a right that is missing. */
const notAllowedStates = new Set(['28000', '28P01', '42501'])
/** What a broker answers where a right is missing, and what its client says of a wrong password. */
const notAllowedAnswers = new Set([
  'TOPIC_AUTHORIZATION_FAILED', 'GROUP_AUTHORIZATION_FAILED', 'CLUSTER_AUTHORIZATION_FAILED', 'SASL_AUTHENTICATION_FAILED',
  'KafkaJSSASLAuthenticationError',
]) // biome-ignore format: a list of names
/** Node's codes. */
const classOfCode: Readonly<Record<string, ErrorClass>> = {
  EACCES: 'not-allowed',
  EPERM: 'not-allowed',
  EADDRINUSE: 'locked',
  EADDRNOTAVAIL: 'config',
}

/** The class of whatever was thrown. Of a failure that only passes on what a part threw, that of its cause. It never throws. */
export function errorClassOf(error: unknown): ErrorClass {
  for (const at of causesOf(error)) {
    const found = classOfOne(at)
    if (found !== undefined) return found
    if (isMillraceError(at) && !wrappers.has(at.code)) break
  }
  return isRetryable(error) ? 'unavailable' : 'failed'
}

function classOfOne(error: object): ErrorClass | undefined {
  if (isMillraceError(error, 'MILL_DATABASE_REFUSED')) return ofSqlstate(error.details.sqlstate)
  if (isMillraceError(error, 'MILL_KAFKA_REFUSED')) return ofAnswer(error)
  // A command that only looks does not wait for what a run would wait for.
  const isAway = isMillraceError(error, 'MILL_START_TIMEOUT') || isMillraceError(error, 'MILL_DATABASE_AWAY')
  if (isAway && hasLocked(error)) return 'locked'
  if (isMillraceError(error)) return classOf[error.code] ?? (error.code.startsWith('MILL_CONFIG_') ? 'config' : undefined)
  const code = memberOf(error, 'code')
  return typeof code === 'string' && Object.hasOwn(classOfCode, code) ? classOfCode[code] : undefined
}

/** 3D: no such database; 42: of the statement, which of ours means that what it names is not there or is another. */
function ofSqlstate(sqlstate: string): ErrorClass | undefined {
  if (notAllowedStates.has(sqlstate)) return 'not-allowed'
  return sqlstate.startsWith('3D') || sqlstate.startsWith('42') ? 'config' : undefined
}

/** Waited for in vain because another process has it for itself. */
function hasLocked(error: object): boolean {
  return [...causesOf(error)].some(at => memberOf(at, 'code') === 'ELOCKED')
}

function ofAnswer(error: object): ErrorClass | undefined {
  const isNotAllowed = (at: object) => ['type', 'name'].some(member => notAllowedAnswers.has(String(memberOf(at, member))))
  return [...causesOf(error)].some(isNotAllowed) ? 'not-allowed' : undefined
}
