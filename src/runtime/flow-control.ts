import { Subject } from 'rxjs'
import type { Clock } from '../core/clock.js'
import { errorText } from '../core/error-report.js'
import type { RunFlow } from '../core/flow.js'
import type { Logger } from '../core/log.js'

/** The run's flow: who works, who waits, and when collectors should give what they hold. */
export class FlowControl implements RunFlow {
  /** Handlers at work. */
  working = 0
  /** Parts of the run that wait for infrastructure. */
  waiting = 0
  /** As `signal.aborted`, which costs more: the reader asks after each record. */
  isAborted = false
  /** A batch is being pushed through the steps: what settles on the way is looked at when it is through. */
  isPushing = false
  readonly flushes = new Subject<void>()

  constructor(
    readonly signal: AbortSignal,
    readonly clock: Clock,
    readonly log: Logger,
    private readonly host: {
      /** Undefined while the window has room. */
      room(depth: number): Promise<void> | undefined
      /** No handler is at work any more. */
      onQuiet(): void
      /** Something that is away is waited for, once more. */
      onWait(reason: unknown): void
      /** The run begins to wait, or goes on. */
      onWaiting(): void
    },
  ) {
    signal.addEventListener(
      'abort',
      () => {
        this.isAborted = true
      },
      { once: true },
    )
  }

  ready(depth = 0): Promise<void> | undefined {
    return this.host.room(depth)
  }

  began(): void {
    this.working++
  }

  ended(): void {
    if (--this.working === 0) this.host.onQuiet()
  }

  waits(reason: unknown): void {
    this.host.onWait(reason)
    if (this.waiting++ > 0) return
    this.log.warn('waiting', { reason: errorText(reason) })
    this.host.onWaiting()
  }

  resumed(): void {
    if (--this.waiting > 0) return
    this.log.info('going on')
    this.host.onWaiting()
  }
}
