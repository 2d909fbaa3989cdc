import type { Clock } from '../core/clock.js'
import { MillraceError } from '../core/errors.js'

/** Ends a run that only fails: so many failures within so many ms. */
export class FailureBudget {
  private readonly times: number[] = []
  private at = 0

  constructor(
    private readonly limit: { readonly failures: number; readonly withinMs: number } | null,
    private readonly clock: Clock,
  ) {}

  /** Counts one failure; returns the error that ends the run when the budget is spent. */
  spend(last: string): MillraceError | undefined {
    if (this.limit === null) return undefined
    const { failures, withinMs } = this.limit
    const now = this.clock.now()
    // A ring of the last moments: once it is full, the next place holds the oldest, which tells whether all lie within the time.
    this.times[this.at] = now
    this.at = (this.at + 1) % failures
    const isSpent = this.times.length === failures && now - this.times[this.at]! <= withinMs
    return isSpent ? new MillraceError('MILL_FAILURE_BUDGET_SPENT', { failures, withinMs, last }) : undefined
  }
}
