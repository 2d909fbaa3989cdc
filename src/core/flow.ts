import type { Observable } from 'rxjs'
import type { Clock } from './clock.js'
import type { Logger } from './log.js'

/** What operators know of the run they are in. */
export interface Flow {
  /** Aborted when the run is aborted or has failed: work for it is in vain from then on. */
  readonly signal: AbortSignal
  /** Emits when the window is full and the writer holds nothing, and on stop(): whoever collects records gives what it holds. */
  readonly flushes: Observable<void>
  /** For operators that make many of one: undefined while there is room, else a promise that resolves when there is again. */
  ready(): Promise<void> | undefined
}

/**
 * The flow as the engine's own operators see it.
 * @internal
 */
export interface RunFlow extends Flow {
  readonly clock: Clock
  readonly log: Logger
  /** The engine's operators say how often their record was split before. */
  ready(depth?: number): Promise<void> | undefined
  /** A handler has begun: while one works, a full window is no stall. */
  began(): void
  ended(): void
  /** An operator waits for infrastructure; shown as state 'waiting'. Each call is ended by `resumed`. */
  waits(reason: unknown): void
  resumed(): void
}
