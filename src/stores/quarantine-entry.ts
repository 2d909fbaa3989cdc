import { errorReport, reasonOf } from '../core/error-report.js'
import type { Failure, QuarantineEntry, QuarantineFilter } from '../core/quarantine.js'
import { version } from '../core/version.js'

/** A failure as a store keeps it: errors as reports, with id, pipeline, moment (ms since 1970) and the version of Millrace. */
export function quarantineEntry(
  failure: Failure,
  kept: { readonly id: string; readonly pipeline: string; readonly at: number },
): QuarantineEntry {
  return {
    ...failure,
    error: errorReport(failure.error),
    attempts: failure.attempts.map(({ at, error }) => ({ at, error: errorReport(error) })),
    ...kept,
    version,
  }
}

/** Whether an entry is wanted: all members that the filter gives must hold. `code` is the error's code, or its name where it has none. */
export function isWanted(entry: QuarantineEntry, filter: QuarantineFilter): boolean {
  const { stage, code, pipeline, since, until } = filter
  if (stage !== undefined && entry.stage !== stage) return false
  if (code !== undefined && reasonOf(entry.error) !== code) return false
  if (pipeline !== undefined && entry.pipeline !== pipeline) return false
  if (since !== undefined && entry.at < since.getTime()) return false
  return until === undefined || entry.at < until.getTime()
}
