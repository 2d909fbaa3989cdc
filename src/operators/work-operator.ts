import { Observable, Subscriber } from 'rxjs'
import type { Envelope } from '../core/envelope.js'
import type { Operator } from '../core/operator.js'

/** What an operator that takes time gives to {@link workOperator}. */
export interface Work<In> {
  take(record: Envelope<In>): void
  /** Whether no record is inside. */
  readonly isIdle: boolean
  /** The stream was left, has failed or is over: nothing that is still inside may come out or settle. */
  stop(): void
}

/** Where such an operator sends its records. */
export interface Exit<Out> {
  next(record: Envelope<Out>): void
  /** To be called whenever the last record has gone out. */
  idle(): void
}

/**
 * `recordOperator` for work that takes time: completion waits until nothing is inside any more.
 *
 * @param start - Runs once a run.
 */
export function workOperator<In, Out>(stage: string, start: (out: Exit<Out>) => Work<In>): Operator<In, Out> {
  return source =>
    new Observable(subscriber => {
      let isExhausted = false
      const work = start({
        next: record => subscriber.next(record),
        idle() {
          if (isExhausted) subscriber.complete()
        },
      })
      const upstream = new Subscriber<Envelope<In>>({
        next(record) {
          try {
            work.take(record)
          } catch (error) {
            record.fail(error, stage)
          }
        },
        error: (error: unknown) => subscriber.error(error),
        complete() {
          isExhausted = true
          if (work.isIdle) subscriber.complete()
        },
      })
      // Both before subscribing: a synchronous source may be left from below while it is still being subscribed to.
      subscriber.add(() => work.stop())
      subscriber.add(upstream)
      source.subscribe(upstream)
    })
}
