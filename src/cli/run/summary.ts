import type { ActorSnapshot } from '../../runtime/supervisor-actor.js'
import { counted, spoken } from '../bar.js'

/** The end of one pipeline, as lines for people. */
export function summaryLines(snapshot: ActorSnapshot, { isStopped = false }: { readonly isStopped?: boolean } = {}): string[] {
  const { name, totals, state, restarts } = snapshot
  const { delivered, skipped, quarantined, reasons, quarantinedBy } = totals
  const seconds = snapshot.run?.seconds ?? 0
  const settled = delivered + skipped + quarantined
  const rate = settled > 0 && seconds > 0 && restarts === 0 ? `, ${counted(settled / seconds)} records/s` : ''
  const rest = settled === 0 ? ': nothing new, all was delivered before' : ''
  const how = state === 'failed' ? ': failed' : isStopped ? ': stopped before its end' : rest
  const lines = [
    `${name}${how}`,
    `  delivered    ${counted(delivered)} in ${seconds < 10 ? `${seconds.toFixed(1)} s` : spoken(seconds)}${rate}`,
    `  skipped      ${counted(skipped)}`,
    ...reasonLines(Object.entries(reasons).map(([reason, count]) => [reason, count - (quarantinedBy[reason] ?? 0)])),
    `  quarantined  ${counted(quarantined)}`,
    ...reasonLines(Object.entries(quarantinedBy)),
  ]
  if (restarts > 0) lines.push(`  restarted    ${counted(restarts)} times; the seconds are of the last run`)
  return lines
}

/** Beneath what they explain, the most frequent first. */
const reasonLines = (counts: readonly (readonly [reason: string, count: number])[]): string[] =>
  counts
    .filter(([, count]) => count > 0)
    .sort(([, a], [, b]) => b - a)
    .map(([reason, count]) => `               ${counted(count)} × ${reason}`)

/** The end of all pipelines as one JSON object: the sums, and each under `pipelines`. */
export function summaryJson(ended: readonly ActorSnapshot[], seconds: number): object {
  const reasons: Record<string, number> = {}
  for (const { totals } of ended)
    for (const [reason, count] of Object.entries(totals.reasons)) reasons[reason] = (reasons[reason] ?? 0) + count
  const sum = (of: (totals: ActorSnapshot['totals']) => number) => ended.reduce((total, { totals }) => total + of(totals), 0)
  return {
    delivered: sum(({ delivered }) => delivered),
    skipped: sum(({ skipped }) => skipped),
    quarantined: sum(({ quarantined }) => quarantined),
    reasons,
    seconds,
    pipelines: ended.map(({ name, state, restarts, totals, run, error }) => ({
      name,
      state,
      ...totals,
      seconds: run?.seconds ?? 0,
      restarts,
      ...(error !== null && { error }),
    })),
  }
}
