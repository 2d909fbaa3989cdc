import { Observable, Subscriber } from 'rxjs'
import type { Envelope } from './envelope.js'
import { type Given, GivenStream } from './given-stream.js'
import type { Operator } from './operator.js'

/** How many values are made at once. More bring nothing (bench engine.decode). */
const MAX_VALUES = 32
/** How many bytes of records are worked on before their turn, so that what waits as values stays small. */
const MAX_BYTES = 64 * 1024

/**
 * Makes one value of another. It looks at nothing else, changes nothing, and gives the same whenever it is called, so it may be called before the turn
 * of its record, and for records whose turn never comes. A throw fails the record, in its turn.
 *
 * @param value - What the step before has made.
 * @param original - What the operator was given.
 */
export type ValueStep = (value: unknown, original: unknown) => unknown

/** An operator that is nothing but such steps. */
interface Stage {
  readonly name: string
  readonly steps: readonly ValueStep[]
}

/**
 * An operator that makes one value of another and nothing else, by steps of which each is called for some records before the next is.
 *
 * Right behind `JSON.parse` any other code finds itself gone from the processor's caches, and takes two to three times as long as by itself. So each step
 * runs in a tight loop over the next records of a read, and then their values are given one by one, each in the turn of its record. Such operators behind
 * one another become one; where something else stands between them and the source, they take one record at a time.
 *
 * @param stage - What quarantine shows as the failing step.
 * @param start - Gives the steps, once a run.
 */
export function valueOperator<In, Out>(stage: string, start: () => readonly ValueStep[]): Operator<In, Out> {
  const started = () => ({ name: stage, steps: start() })
  return source => (source instanceof ValueStream ? source.followedBy(started) : new ValueStream(source, [started]))
}

class ValueStream<Out> extends Observable<Envelope<Out>> {
  constructor(
    private readonly origin: Observable<Envelope<unknown>>,
    private readonly stages: readonly (() => Stage)[],
  ) {
    super(subscriber => this.start(subscriber))
  }

  followedBy<Next>(stage: () => Stage): ValueStream<Next> {
    return new ValueStream(this.origin, [...this.stages, stage])
  }

  private start(subscriber: Subscriber<Envelope<Out>>): void {
    const stages = this.stages.map(start => start())
    const values = this.origin instanceof GivenStream ? new ValuesAhead(stages, this.origin) : new ValuesInTurn(stages)
    // Before subscribing: a synchronous source may be left from below while it is still being subscribed to. (The constructor ties it to `subscriber`.)
    this.origin.subscribe(new ValueSubscriber(subscriber, stages.at(-1)!.name, values))
  }
}

/** What `recordOperator` subscribes with, for values: a call less a record, and one that is the same for all of them, which the compiler likes. */
class ValueSubscriber extends Subscriber<Envelope<unknown>> {
  constructor(
    destination: Subscriber<never>,
    private readonly stage: string,
    private readonly values: Values,
  ) {
    super(destination)
  }

  override next(record: Envelope<unknown>): void {
    if (this.isStopped) return super.next(record)
    try {
      const value = this.values.of(record)
      if (value instanceof Failure) record.fail(value.error, value.stage)
      // The value is the same, so the record is: an envelope less.
      else this.destination.next(value === record.value ? record : record.with(value))
    } catch (error) {
      record.fail(error, this.stage)
    }
  }
}

/** What became of a value that a step could not take. */
class Failure {
  constructor(
    readonly error: unknown,
    readonly stage: string,
  ) {}
}

interface Values {
  /** What became of the value of the record whose turn it is: another, or a failure. */
  of(record: Envelope<unknown>): unknown
}

class ValuesInTurn implements Values {
  constructor(private readonly stages: readonly Stage[]) {}

  of({ value }: Envelope<unknown>): unknown {
    let made = value
    for (const { name, steps } of this.stages) {
      const original = made
      try {
        for (const step of steps) made = step(made, original)
      } catch (error) {
        return new Failure(error, name)
      }
    }
    return made
  }
}

/** Makes some at once, right behind the source: there it is known what comes next. */
class ValuesAhead implements Values {
  private given: Given | null = null
  /** Of the records of `from` to `end`, the latter not included. */
  private readonly made: unknown[] = []
  private from = 0
  private end = 0
  private used = 0
  /** How many to make at once: one after some were made in vain or could not be, and twice as many each time all were used. */
  private size = MAX_VALUES
  private readonly inTurn: ValuesInTurn

  constructor(
    private readonly stages: readonly Stage[],
    private readonly source: GivenStream<unknown>,
  ) {
    this.inTurn = new ValuesInTurn(stages)
  }

  of(record: Envelope<unknown>): unknown {
    const { given } = this.source
    if ((given !== this.given || given.at >= this.end) && !this.make(given)) return this.inTurn.of(record)
    const i = given.at - this.from
    const value = this.made[i]
    this.made[i] = undefined
    this.used++
    return value
  }

  /** Makes the next values; false where the one whose turn it is must be made by itself. */
  private make(given: Given): boolean {
    const { made } = this
    this.size = this.used < made.length ? 1 : Math.min(2 * this.size, MAX_VALUES)
    this.used = 0
    this.gather(given)
    if (made.length === 1) made.length = 0
    else if (!this.makeAll()) {
      // Which one fails, and how, is seen in its turn.
      made.length = 0
      this.size = 1
    }
    this.given = given
    this.from = given.at
    this.end = given.at + made.length
    return made.length > 0
  }

  /** The value whose turn it is, and those that come behind it, as long as they are bytes or tombstones: nobody knows how large others are. */
  private gather({ batch, at }: Given): void {
    const { made } = this
    made.length = 0
    let bytes = 0
    for (let i = at; i < batch.length && made.length < this.size; i++) {
      const { value } = batch[i]!
      bytes += value instanceof Uint8Array ? value.byteLength : value === null ? 0 : Infinity
      if (bytes > MAX_BYTES) return
      made.push(value)
    }
  }

  /** False where a step could not take one of them. */
  private makeAll(): boolean {
    const { made } = this
    try {
      for (const { steps } of this.stages) {
        const originals = made.slice()
        for (const step of steps) for (let i = 0; i < made.length; i++) made[i] = step(made[i], originals[i])
      }
      return true
    } catch {
      return false
    }
  }
}
