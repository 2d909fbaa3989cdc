import type { RunSnapshot } from './run.js'

/** What a pipeline has settled over all its runs, in rows. */
export interface ActorTotals {
  readonly delivered: number
  readonly skipped: number
  readonly quarantined: number
  /** As in a run's summary: after 1,000 of them `other reasons` counts the rest. */
  readonly reasons: Readonly<Record<string, number>>
  /** Codes of what was quarantined alone. */
  readonly quarantinedBy: Readonly<Record<string, number>>
}

/** Of a pipeline that has not run. */
export const noTotals: ActorTotals = { delivered: 0, skipped: 0, quarantined: 0, reasons: {}, quarantinedBy: {} }

/** The totals with those of a run, or of another, added. */
export function added(
  totals: ActorTotals,
  run: Pick<RunSnapshot, 'delivered' | 'skipped' | 'quarantined' | 'reasons' | 'quarantinedBy'>,
): ActorTotals {
  return {
    delivered: totals.delivered + run.delivered,
    skipped: totals.skipped + run.skipped,
    quarantined: totals.quarantined + run.quarantined,
    reasons: addedCounts(totals.reasons, run.reasons),
    quarantinedBy: addedCounts(totals.quarantinedBy, run.quarantinedBy ?? {}),
  }
}

function addedCounts(before: Readonly<Record<string, number>>, more: Readonly<Record<string, number>>): Readonly<Record<string, number>> {
  const counts = new Map(Object.entries(before))
  for (const [reason, count] of Object.entries(more)) {
    const counted = counts.has(reason) || counts.size < MAX_REASONS ? reason : OTHERS
    counts.set(counted, (counts.get(counted) ?? 0) + count)
  }
  return Object.fromEntries(counts)
}

/** Each run keeps that many; without a bound, restarts would add them up. */
const MAX_REASONS = 1_000
const OTHERS = 'other reasons'
