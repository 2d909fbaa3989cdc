import type { Envelope } from './envelope.js'
import type { RunFlow } from './flow.js'
import type { RecordHeaders } from './headers.js'
import type { Origin } from './position.js'

declare const skipped: unique symbol
/** What `context.skip(reason)` returns: give it back, and the record is skipped. */
export interface Skipped {
  readonly [skipped]: true
}

/** What the functions given to `transform`, `handle`, `keep` and `split` know of their record. */
export interface RecordContext {
  readonly key: string | null
  readonly headers: RecordHeaders
  readonly origin: Origin
  /** Aborted when the work is in vain: the run was aborted, or a policy's time is over. */
  readonly signal: AbortSignal
  /** 1 on the first try. */
  readonly attempt: number
  /** `return context.skip('why')` lets the record go without a row. */
  skip(reason: string): Skipped
}

/** The reason inside a {@link Skipped}. */
export class SkipReason {
  constructor(readonly reason: string) {}
}

/**
 * The context of one record. A class, and its members getters, so that a synchronous step pays one small object a record.
 * @internal
 */
export class EnvelopeContext implements RecordContext {
  constructor(
    private record: Envelope<unknown>,
    readonly attempt: number,
    private readonly ownSignal?: AbortSignal,
  ) {}

  get key(): string | null {
    return this.record.key
  }
  get headers(): RecordHeaders {
    return this.record.headers
  }
  get origin(): Origin {
    return this.record.origin
  }
  get signal(): AbortSignal {
    return this.ownSignal ?? this.record.flow.signal
  }
  /** For policies: the run's clock, and where it is told that something is waited for. */
  get flow(): RunFlow {
    return this.record.flow as RunFlow
  }
  skip(reason: string): Skipped {
    return new SkipReason(reason) as unknown as Skipped
  }
  /**
   * Gives the context for each call of a synchronous function. One that takes the value alone is called with the same object many times, which tells
   * of the record at hand: that saves 48 bytes a record. One with rest parameters might pass it on to whoever keeps it, so it gets its own.
   */
  static forCallsOf(fn: (...args: never) => unknown): (record: Envelope<unknown>) => EnvelopeContext {
    if (fn.length !== 1) return ofRecord
    let shared = new EnvelopeContext(undefined as never, 1)
    let calls = 0
    return record => {
      // An object that stays becomes old, and each young record that it is given costs a note to the garbage collector.
      if ((++calls & 0xff) === 0) shared = new EnvelopeContext(record, 1)
      else shared.record = record
      return shared
    }
  }

  /** The same record at another attempt, or under a policy's own signal. */
  at(attempt: number, signal?: AbortSignal): EnvelopeContext {
    return new EnvelopeContext(this.record, attempt, signal ?? this.ownSignal)
  }
}

const ofRecord = (record: Envelope<unknown>): EnvelopeContext => new EnvelopeContext(record, 1)
