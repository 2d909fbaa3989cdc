import { Observable, type OperatorFunction, Subscriber } from 'rxjs'
import type { Envelope } from './envelope.js'

/** A step: records in, records out. */
export type Operator<In, Out> = OperatorFunction<Envelope<In>, Envelope<Out>>

/**
 * The one safe way to write an operator: a throw fails that record and not the stream; completion, errors and unsubscribe pass through.
 *
 * A bare `new Observable` would turn a throw in its `next` into an uncaught exception, and lose the record.
 *
 * @param stage - What quarantine shows as the failing step.
 * @param start - Runs once a run, so state lives in it. It returns what is done with each record: give it to `out.next`, `skip` or `fail` it.
 */
export function recordOperator<In, Out>(
  stage: string,
  start: (out: { next(record: Envelope<Out>): void }) => (record: Envelope<In>) => void,
): Operator<In, Out> {
  return source =>
    new Observable(subscriber => {
      // Before subscribing: a synchronous source may be left from below while it is still being subscribed to. (The constructor ties it to `subscriber`.)
      source.subscribe(new RecordSubscriber(subscriber, stage, start(subscriber)))
    })
}

/**
 * As RxJS's own operators, and nearer than they: without the safe subscriber that `subscribe` would put around an observer, and without the two calls
 * a record by which `Subscriber.next` comes to an observer.
 */
class RecordSubscriber<In> extends Subscriber<Envelope<In>> {
  constructor(
    destination: Subscriber<never>,
    private readonly stage: string,
    private readonly take: (record: Envelope<In>) => void,
  ) {
    super(destination)
  }

  override next(record: Envelope<In>): void {
    if (this.isStopped) return super.next(record)
    try {
      this.take(record)
    } catch (error) {
      record.fail(error, this.stage)
    }
  }
}
