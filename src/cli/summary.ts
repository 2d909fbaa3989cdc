import type { RunSummary } from '../runtime/tally.js'
import { counted, spoken } from './bar.js'

/** The end of one pipeline, as lines for people. */
export function summaryLines(
  name: string,
  { delivered, skipped, quarantined, reasons, seconds }: RunSummary,
  { isStopped = false }: { readonly isStopped?: boolean } = {},
): string[] {
  const settled = delivered + skipped + quarantined
  const rate = settled > 0 && seconds > 0 ? `, ${counted(settled / seconds)} records/s` : ''
  const rest = settled === 0 ? ': nothing new, all was delivered before' : ''
  const nothing = isStopped ? ': stopped before its end' : rest
  const lines = [
    `${name}${nothing}`,
    `  delivered    ${counted(delivered)} in ${seconds < 10 ? `${seconds.toFixed(1)} s` : spoken(seconds)}${rate}`,
    `  skipped      ${counted(skipped)}`,
    `  quarantined  ${counted(quarantined)}`,
  ]
  for (const [reason, count] of Object.entries(reasons).sort(([, a], [, b]) => b - a))
    lines.push(`               ${counted(count)} × ${reason}`)
  return lines
}

/** The end of all pipelines as one JSON object: that of the one, or the sums with each under `pipelines`. */
export function summaryJson(summaries: readonly (RunSummary & { readonly name: string })[]): object {
  if (summaries.length === 1) return summaries[0]!
  const reasons: Record<string, number> = {}
  for (const summary of summaries)
    for (const [reason, count] of Object.entries(summary.reasons)) reasons[reason] = (reasons[reason] ?? 0) + count
  const sum = (of: (summary: RunSummary) => number) => summaries.reduce((total, summary) => total + of(summary), 0)
  return {
    delivered: sum(({ delivered }) => delivered),
    skipped: sum(({ skipped }) => skipped),
    quarantined: sum(({ quarantined }) => quarantined),
    reasons,
    seconds: sum(({ seconds }) => seconds),
    pipelines: summaries,
  }
}
