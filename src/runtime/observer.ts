import type { Envelope } from '../core/envelope.js'
import { errorText } from '../core/error-report.js'
import type { Logger } from '../core/log.js'
import type { RunState } from './run-state.js'

/** A batch on its way to the sink. */
export interface StartedBatch {
  readonly pipeline: string
  readonly sink: string
  /** What the sink gets. Look at it at once and keep none: their values may be large. */
  readonly records: readonly Envelope<unknown>[]
  /** As read, of the records alone. */
  readonly bytes: number
}

/** A batch that has been written, or was given up with the run. */
export interface WrittenBatch {
  /** Rows that were delivered, or handed to a sink that holds them. */
  readonly records: number
  readonly bytes: number
  /** From the first attempt to the last, waiting between them included. */
  readonly seconds: number
  /** How often the sink was asked. */
  readonly attempts: number
  /** False when the run ended before. */
  readonly isWritten: boolean
}

/**
 * Watches a run: for metrics and traces. Told once a batch at most, never once a record; what it throws is logged and changes nothing.
 *
 * All members may be left out.
 */
export interface RunObserver {
  /** The run is in another state. */
  readonly state?: (state: RunState) => void
  /** Something that is away is waited for; it is tried again after this. Called before each wait. */
  readonly retried?: (reason: unknown) => void
  readonly wrote?: (batch: WrittenBatch) => void
  /**
   * Runs the writing of one batch, all its attempts: what the sink does is then part of the observer's own context, such as a span. It must call `write`
   * once, at once, and give its promise back; that never rejects.
   */
  readonly around?: (batch: StartedBatch, write: () => Promise<WrittenBatch>) => Promise<WrittenBatch>
}

/** The same observer, which never throws: a fault of whoever watches must not end what is watched. */
export function guardedObserver(observer: RunObserver, log: Logger): RunObserver {
  const guarded =
    <Args extends unknown[]>(name: keyof RunObserver, fn: (...args: Args) => void) =>
    (...args: Args): void => {
      try {
        fn(...args)
      } catch (error) {
        log.warn('an observer threw', { member: name, error: errorText(error) })
      }
    }
  return {
    ...(observer.state !== undefined && { state: guarded('state', observer.state.bind(observer)) }),
    ...(observer.retried !== undefined && { retried: guarded('retried', observer.retried.bind(observer)) }),
    ...(observer.wrote !== undefined && { wrote: guarded('wrote', observer.wrote.bind(observer)) }),
    ...(observer.around !== undefined && { around: guardedAround(observer.around.bind(observer), log) }),
  }
}

function guardedAround(around: NonNullable<RunObserver['around']>, log: Logger): NonNullable<RunObserver['around']> {
  return (batch, write) => {
    // Written once and only once, whatever the observer does: it may throw before it has called `write`, or after.
    let written: Promise<WrittenBatch> | undefined
    const once = () => (written ??= write())
    try {
      around(batch, once)?.catch(error => log.warn('an observer threw', { member: 'around', error: errorText(error) }))
    } catch (error) {
      log.warn('an observer threw', { member: 'around', error: errorText(error) })
    }
    return once()
  }
}
