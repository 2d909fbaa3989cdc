import { exponentialBackoff } from '../core/backoff.js'
import { type Clock, delay } from '../core/clock.js'
import { isRetryable } from '../core/retryable.js'

/** What waits, and who is told. */
export interface PersistOptions {
  readonly clock: Clock
  /** Ends the waiting; its reason is thrown. */
  readonly signal: AbortSignal
  /** Called before each wait, with the error that is waited on. */
  readonly onWait?: (error: unknown, delayMs: number) => void
  /** Called when the wait is over. */
  readonly onResume?: () => void
}

/**
 * Tries `work` until it succeeds: infrastructure that is away is waited for, with back-off, for as long as it takes (law 6).
 * An error that is not retryable is thrown at once.
 */
export async function persist<T>(work: () => Promise<T>, options: PersistOptions): Promise<T> {
  for (let backoff = exponentialBackoff(); ; backoff = backoff.next()) {
    try {
      return await work()
    } catch (error) {
      if (!isRetryable(error) || options.signal.aborted) throw error
      options.onWait?.(error, backoff.delayMs)
      try {
        await delay(options.clock, backoff.delayMs, options.signal)
      } finally {
        options.onResume?.()
      }
    }
  }
}
