import { memberOf } from '../core/member.js'

/** How every command ends, as a status of the process. docs/operations.md tells them to those who write scripts and units. */
export const exitStatus = {
  /** Done, or nothing to do. */
  done: 0,
  /** Failed in a way that has no status of its own. */
  failed: 1,
  /** The command was not written as it must be: nothing was done. */
  usage: 2,
  /** A service was away at the start and did not come within `startTimeoutMs` (EX_UNAVAILABLE of sysexits.h). */
  unavailable: 69,
  /** Somebody else holds what is needed (EX_TEMPFAIL): try again later. */
  locked: 75,
  /** Switched off, or the rights are missing (EX_NOPERM). */
  notAllowed: 77,
  /** The config, an option or a definition is wrong (EX_CONFIG): trying again without a change is in vain. */
  config: 78,
  /** Aborted by a second SIGINT. */
  interrupted: 130,
  /** Aborted by a second SIGTERM. */
  terminated: 143,
} as const

/** One of {@link exitStatus}. */
export type ExitStatus = (typeof exitStatus)[keyof typeof exitStatus]

/** The status that an error ends a command with: of itself, or of the first of its causes that has one of its own. */
export function statusOf(error: unknown): ExitStatus {
  for (let at = error, depth = 0; typeof at === 'object' && at !== null && depth < MAX_CAUSES; at = memberOf(at, 'cause'), depth++) {
    if (memberOf(at, 'name') === 'UsageError') return exitStatus.usage
    const code = memberOf(at, 'code')
    const status = typeof code === 'string' ? statuses.find(([pattern]) => pattern.test(code))?.[1] : undefined
    if (status !== undefined) return status
  }
  return exitStatus.failed
}

const MAX_CAUSES = 8

const statuses: readonly (readonly [RegExp, ExitStatus])[] = [
  [/^MILL_(CONFIG_.+|OPTION_.+|BATCH_EXCEEDS_WINDOW|SCHEMA_INVALID|LEDGER_UNSUPPORTED|PACKAGE_MISSING)$/, exitStatus.config],
  [/^MILL_(START_TIMEOUT|DATABASE_AWAY|KAFKA_AWAY)$/, exitStatus.unavailable],
]
