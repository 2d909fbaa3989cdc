import type { Clock } from '../core/clock.js'
import { MillraceError } from '../core/errors.js'
import { originText } from '../core/position.js'
import type { Failure, QuarantineSession } from '../core/quarantine.js'
import { persist } from './persist.js'

/** What the quarantine's writer asks of the run. */
export interface QuarantiningHost {
  readonly clock: Clock
  readonly signal: AbortSignal
  waits(reason: unknown): void
  resumed(): void
  fail(error: unknown): void
}

interface Waiting {
  readonly failures: readonly Failure[]
  readonly then: (isDurable: boolean) => void
}

/**
 * Puts failures into a quarantine that does not share the sink's transaction, many at a time and one put at a time.
 * A record counts as failed only when its entry is durable; a put that fails for good stops the run.
 */
export class Quarantining {
  private queue: Waiting[] = []
  private isPutting = false

  constructor(
    private readonly name: string,
    private readonly session: QuarantineSession,
    private readonly host: QuarantiningHost,
  ) {}

  /** Entries that are not durable yet. */
  pending = 0

  /** Calls `then` with true when the failures are durable, with false when the run ends before. */
  put(failures: readonly Failure[], then: (isDurable: boolean) => void): void {
    if (this.host.signal.aborted) return then(false)
    this.pending += 1
    this.queue.push({ failures, then })
    if (!this.isPutting) void this.putAll()
  }

  private async putAll(): Promise<void> {
    this.isPutting = true
    // Failures of the same pass through the steps go together.
    await Promise.resolve()
    while (this.queue.length > 0 && !this.host.signal.aborted) {
      const taken = this.queue
      this.queue = []
      const failures = taken.flatMap(waiting => waiting.failures)
      try {
        await persist(() => this.session.put(failures), {
          clock: this.host.clock,
          signal: this.host.signal,
          onWait: error => this.host.waits(error),
          onResume: () => this.host.resumed(),
        })
      } catch (cause) {
        const first = failures[0] ? originText(failures[0].origin) : 'none'
        if (!this.host.signal.aborted)
          this.host.fail(
            new MillraceError('MILL_QUARANTINE_FAILED', { quarantine: this.name, failures: failures.length, first }, { cause }),
          )
        this.giveUp(taken)
        break
      }
      this.pending -= taken.length
      for (const { then } of taken) then(true)
    }
    this.isPutting = false
    this.giveUp(this.queue)
  }

  private giveUp(waiting: readonly Waiting[]): void {
    for (const { then } of waiting) then(false)
  }
}
