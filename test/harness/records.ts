import type { VirtualTimeScheduler } from 'rxjs'
import { Subject } from 'rxjs'
import { type Clock, systemClock } from '../../src/core/clock.js'
import { Envelope, EXPANDED } from '../../src/core/envelope.js'
import type { RunFlow } from '../../src/core/flow.js'
import { silentLog } from '../../src/core/log.js'
import { originText } from '../../src/core/position.js'
import { Arrival, close, leave, type Part, type PartitionBooks, type Receiver, Root, settle } from '../../src/core/receipt.js'
import type { Incoming } from '../../src/core/source.js'

/** How one part ended. */
export type Outcome =
  | { readonly as: 'delivered'; readonly value: unknown }
  | { readonly as: 'skipped'; readonly reason: string }
  | { readonly as: 'failed'; readonly error: unknown; readonly stage: string }

/**
 * Makes records with real receipts and writes down what becomes of them, in place of a run.
 *
 * A part that settles twice throws at once; `open` tells what is not settled yet.
 */
export class Records implements Receiver {
  readonly controller = new AbortController()
  readonly flushes = new Subject<void>()
  /** By position and part: `0`, `0#2`. */
  readonly outcomes = new Map<string, Outcome>()
  /** The same in order of time. */
  readonly settled: string[] = []
  readonly roots: Root[] = []
  working = 0
  mostWorking = 0
  waiting = 0
  reasons: unknown[] = []
  room: Promise<void> | undefined
  readonly flow: RunFlow

  constructor(clock: Clock = systemClock) {
    const records = this
    this.flow = {
      signal: this.controller.signal,
      flushes: this.flushes,
      clock,
      log: silentLog,
      ready: () => records.room,
      began() {
        records.mostWorking = Math.max(records.mostWorking, ++records.working)
      },
      ended() {
        if (--records.working < 0) throw new Error('ended without began')
      },
      waits(reason) {
        records.waiting++
        records.reasons.push(reason)
      },
      resumed() {
        if (--records.waiting < 0) throw new Error('resumed without waits')
      },
    }
  }

  /** The books of the partition that the records are of. */
  tracker: PartitionBooks = { isRevoked: false }

  /** A record at the next position. */
  record<T>(value: T, more: Partial<Incoming<T>> = {}): Envelope<T> {
    const bytes = more.bytes ?? (value instanceof Uint8Array ? value.byteLength : 0)
    const root = new Root(new Arrival(this, this.tracker, 'test', '0', 0), { value, position: this.roots.length, ...more }, bytes)
    this.roots.push(root)
    return Envelope.of(value, root)
  }

  records<T>(values: readonly T[], keyOf?: (value: T) => string | null): Envelope<T>[] {
    return values.map(value => this.record(value, keyOf ? { key: keyOf(value) } : {}))
  }

  /** What a sink does. */
  deliver(record: Envelope<unknown>): void {
    if (!(record instanceof Envelope)) throw new Error('not a record')
    this.note(Envelope.partOf(record), { as: 'delivered', value: record.value })
  }

  skipped(part: Part, reason: string): void {
    if (reason === EXPANDED) leaveAndSettle(part, 'skipped', 'an expanded part')
    else this.note(part, { as: 'skipped', reason })
  }

  failed(part: Part, error: unknown, stage: string): void {
    this.note(part, { as: 'failed', error, stage })
  }

  grew(): void {}
  expands(): void {}

  /** Positions of which a part is still open. */
  get open(): number[] {
    return this.roots.filter(root => root.unsettled > 0).map(root => root.incoming.position as number)
  }

  /** The outcomes in words: `delivered 5`, `skipped not kept`, `failed MILL_TIMED_OUT in handle`. */
  get told(): Record<string, string> {
    return Object.fromEntries([...this.outcomes].map(([name, outcome]) => [name, told(outcome)]))
  }

  /** The values delivered, in the order of their delivery. */
  get values(): unknown[] {
    return this.settled.flatMap(name => {
      const outcome = this.outcomes.get(name)!
      return outcome.as === 'delivered' ? [outcome.value] : []
    })
  }

  errorOf(name: string): unknown {
    const outcome = this.outcomes.get(name)
    if (outcome?.as !== 'failed') throw new Error(`${name} has not failed: ${outcome?.as ?? 'open'}`)
    return outcome.error
  }

  private note(part: Part, outcome: Outcome): void {
    const name = originText(part.origin).replace('test 0@', '')
    leaveAndSettle(part, outcome.as === 'failed' ? 'quarantined' : outcome.as, `${name} (${told(outcome)})`)
    this.outcomes.set(name, outcome)
    this.settled.push(name)
  }
}

function leaveAndSettle(part: Part, outcome: 'delivered' | 'skipped' | 'quarantined', name: string): void {
  if (part.state !== 'open') throw new Error(`${name} settles twice`)
  leave(part)
  close(part)
  settle(part, outcome, () => {})
}

function told(outcome: Outcome): string {
  if (outcome.as === 'delivered') return `delivered ${JSON.stringify(outcome.value)}`
  if (outcome.as === 'skipped') return `skipped ${outcome.reason}`
  const { code, message } = outcome.error as { code?: string; message?: string }
  return `failed ${code ?? message ?? String(outcome.error)} in ${outcome.stage}`
}

/** The virtual time of a scheduler of RxJS as a clock. */
export function clockOf(scheduler: VirtualTimeScheduler): Clock {
  return {
    now: () => scheduler.now(),
    after(ms, fn) {
      const action = scheduler.schedule(fn, ms)
      return () => action.unsubscribe()
    },
  }
}

/** Time that moves when it is told to, and lets promises settle between two timers. */
export class ManualClock implements Clock {
  private at = 0
  private timers: { readonly at: number; readonly order: number; readonly fn: () => void }[] = []
  private made = 0
  /** Every delay that was asked for, in ms. */
  readonly delays: number[] = []

  /** @param onQuiet - Called whenever nothing can happen before the next timer. */
  constructor(private readonly onQuiet: () => void = () => {}) {}

  now(): number {
    return this.at
  }

  after(ms: number, fn: () => void): () => void {
    const timer = { at: this.at + ms, order: this.made++, fn }
    this.delays.push(ms)
    this.timers.push(timer)
    return () => {
      this.timers = this.timers.filter(one => one !== timer)
    }
  }

  get pending(): number {
    return this.timers.length
  }

  /** Fires timers in order of their time until none is left, or `ms` have passed. */
  async advance(ms = Number.POSITIVE_INFINITY): Promise<void> {
    const until = this.at + ms
    for (;;) {
      await settled()
      this.onQuiet()
      const next = this.timers.toSorted((a, b) => a.at - b.at || a.order - b.order)[0]
      if (next === undefined || next.at > until) break
      this.timers = this.timers.filter(one => one !== next)
      this.at = next.at
      next.fn()
    }
    if (Number.isFinite(until)) this.at = until
  }
}

/** Resolves when the promises that could settle have. */
export function settled(): Promise<void> {
  return new Promise(resolve => setImmediate(resolve))
}
