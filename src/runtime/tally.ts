import { EXPANDED } from '../core/envelope.js'

/** How a run ended, in rows: a record that was split counts once for each child. */
export interface RunSummary {
  readonly delivered: number
  readonly skipped: number
  readonly quarantined: number
  /** Codes of what was quarantined and reasons of what was skipped, with how many each. */
  readonly reasons: Readonly<Record<string, number>>
  readonly seconds: number
}

/** Counts what settles. */
export class Tally {
  delivered = 0
  skipped = 0
  quarantined = 0
  private readonly reasons = new Map<string, number>()

  skip(reason: string): void {
    // A part that was expanded settles through its children; they are counted.
    if (reason === EXPANDED) return
    this.skipped++
    this.count(reason)
  }

  quarantine(reason: string, parts = 1): void {
    this.quarantined += parts
    this.count(reason, parts)
  }

  summary(seconds: number): RunSummary {
    const { delivered, skipped, quarantined } = this
    return { delivered, skipped, quarantined, reasons: Object.fromEntries(this.reasons), seconds }
  }

  private count(reason: string, parts = 1): void {
    this.reasons.set(reason, (this.reasons.get(reason) ?? 0) + parts)
  }
}
