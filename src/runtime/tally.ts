import { EXPANDED } from '../core/envelope.js'

/** How a run ended, in rows: a record that was split counts once for each child. */
export interface RunSummary {
  readonly delivered: number
  readonly skipped: number
  readonly quarantined: number
  /** Codes of what was quarantined and reasons of what was skipped, with how many each. After 1,000 of them `other reasons` counts the rest. */
  readonly reasons: Readonly<Record<string, number>>
  readonly seconds: number
}

/** Counts what settles. */
export class Tally {
  delivered = 0
  skipped = 0
  quarantined = 0
  private readonly skips = new Map<string, number>()
  private readonly codes = new Map<string, number>()

  skip(reason: string): void {
    // A part that was expanded settles through its children; they are counted.
    if (reason === EXPANDED) return
    this.skipped++
    this.count(this.skips, reason, 1)
  }

  quarantine(reason: string, parts = 1): void {
    this.quarantined += parts
    this.count(this.codes, reason, parts)
  }

  /** The reasons of what was quarantined alone. */
  get quarantinedBy(): Readonly<Record<string, number>> {
    return Object.fromEntries(this.codes)
  }

  summary(seconds: number): RunSummary {
    const { delivered, skipped, quarantined } = this
    const reasons = Object.fromEntries(this.skips)
    for (const [code, count] of this.codes) reasons[code] = (reasons[code] ?? 0) + count
    return { delivered, skipped, quarantined, reasons, seconds }
  }

  private count(counts: Map<string, number>, reason: string, parts: number): void {
    const known = counts.get(reason)
    const counted = known !== undefined || this.skips.size + this.codes.size < MAX_REASONS ? reason : OTHERS
    counts.set(counted, (known ?? counts.get(counted) ?? 0) + parts)
  }
}

/** Reasons are what users write: one that holds an id must not fill the memory of a run that goes on for weeks. */
const MAX_REASONS = 1_000
const OTHERS = 'other reasons'
