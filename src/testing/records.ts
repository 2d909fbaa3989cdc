import { NEVER, type Observable } from 'rxjs'
import { type Clock, systemClock } from '../core/clock.js'
import { Envelope } from '../core/envelope.js'
import type { RunFlow } from '../core/flow.js'
import { GivenStream } from '../core/given-stream.js'
import type { HeaderPair } from '../core/headers.js'
import { silentLog } from '../core/log.js'
import type { Origin, Position } from '../core/position.js'
import { Arrival, close, leave, type Outcome, type Part, type Receiver, Root, settle } from '../core/receipt.js'

/** What is said of the records that {@link testRecords} makes. All functions get the value and its index. */
export interface TestRecordOptions<T> {
  /** Default `'test'`. */
  readonly source?: string
  /** Default `'0'`. */
  readonly partition?: string
  /** Default: the index, counted from `from`. */
  readonly position?: (value: T, index: number) => Position
  /** The first position. Default 0. */
  readonly from?: number
  /** Default: no key. */
  readonly key?: (value: T, index: number) => Uint8Array | string | null
  /** Default: none. */
  readonly headers?: (value: T, index: number) => readonly HeaderPair[]
  /** Time for operators that wait. Default: the machine's clock. */
  readonly clock?: Clock
  /** Default: never aborted. */
  readonly signal?: AbortSignal
}

/** How a record, or a part of one, left the steps without a row. */
export interface Exit {
  readonly origin: Origin
  readonly outcome: 'skipped' | 'failed'
  /** Of a skipped one. */
  readonly reason?: string
  /** Of a failed one. */
  readonly error?: unknown
  readonly stage?: string
}

/** Records for the test of an operator or a sink, and what becomes of them. */
export interface TestRecords<T> {
  readonly records: readonly Envelope<T>[]
  /** The same, one by one in one turn, as a run gives what was read at once. */
  readonly stream: Observable<Envelope<T>>
  /** What was skipped or failed, in that order. */
  readonly exits: readonly Exit[]
  /** How often each record settled, by index: never more than once. */
  readonly settled: readonly number[]
  /** Does what the run does when a row is durable. */
  deliver(record: Envelope<unknown>): void
}

/**
 * Makes records without a run: for tests of one operator or one sink.
 *
 * ```ts
 * const { records, exits } = testRecords([1, 2, 3], { key: value => `${value % 2}` })
 * from(records).pipe(keep(value => value > 1)).subscribe(record => …)
 * exits[0]?.reason   // why 1 was skipped
 * ```
 */
export function testRecords<T>(values: readonly T[], options: TestRecordOptions<T> = {}): TestRecords<T> {
  const exits: Exit[] = []
  const settled = values.map(() => 0)
  const indexes = new Map<Root, number>()
  const end = (part: Part, outcome: Outcome) => {
    leave(part)
    close(part)
    settle(part, outcome, root => {
      settled[indexes.get(root)!]!++
    })
  }
  const receiver: Receiver = {
    flow: flowOf(options),
    skipped(part, reason) {
      exits.push({ origin: part.origin, outcome: 'skipped', reason })
      end(part, 'skipped')
    },
    failed(part, error, stage) {
      exits.push({ origin: part.origin, outcome: 'failed', error, stage })
      end(part, 'quarantined')
    },
    grew() {},
    expands() {},
  }
  const records = values.map((value, index) => {
    const root = rootOf(value, index, receiver, options)
    indexes.set(root, index)
    return Envelope.of(value, root)
  })
  return { records, stream: streamOf(records), exits, settled, deliver: record => end(Envelope.partOf(record), 'delivered') }
}

function rootOf<T>(value: T, index: number, receiver: Receiver, options: TestRecordOptions<T>): Root {
  const { source = 'test', partition = '0', from = 0, position, key, headers, clock = systemClock } = options
  const incoming = {
    value,
    position: position ? position(value, index) : from + index,
    ...(key && { key: key(value, index) }),
    ...(headers && { headers: headers(value, index) }),
  }
  const bytes = value instanceof Uint8Array ? value.byteLength : typeof value === 'string' ? Buffer.byteLength(value) : 1
  return new Root(new Arrival(receiver, { isRevoked: false }, source, partition, clock.now()), incoming, bytes)
}

function streamOf<T>(records: readonly Envelope<T>[]): Observable<Envelope<T>> {
  const stream: GivenStream<T> = new GivenStream(subscriber => {
    const given = { batch: records, at: 0 }
    for (; given.at < records.length && !subscriber.closed; given.at++) {
      stream.given = given
      subscriber.next(records[given.at]!)
    }
    subscriber.complete()
  })
  return stream
}

function flowOf({ clock = systemClock, signal = new AbortController().signal }: { clock?: Clock; signal?: AbortSignal }): RunFlow {
  return { signal, flushes: NEVER, ready: () => undefined, clock, log: silentLog, began() {}, ended() {}, waits() {}, resumed() {} }
}
