import { type ErrorClass, errorClassOf } from '../core/error-class.js'
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

/** The status that a class of errors ends a command with. */
export const statusOfClass: Readonly<Record<ErrorClass, ExitStatus>> = {
  config: exitStatus.config,
  'not-allowed': exitStatus.notAllowed,
  unavailable: exitStatus.unavailable,
  locked: exitStatus.locked,
  // Another owner has the partitions: that is how things should be, but not what was asked for.
  fenced: exitStatus.failed,
  failed: exitStatus.failed,
}

/** The status that an error ends a command with. */
export function statusOf(error: unknown): ExitStatus {
  return memberOf(error, 'name') === 'UsageError' ? exitStatus.usage : statusOfClass[errorClassOf(error)]
}

/** The status of several that ended: that of all that failed, where it is the same, else 1. */
export function statusOfAll(statuses: readonly ExitStatus[]): ExitStatus {
  const failures = new Set(statuses.filter(status => status !== exitStatus.done))
  return failures.size === 0 ? exitStatus.done : failures.size === 1 ? [...failures][0]! : exitStatus.failed
}
