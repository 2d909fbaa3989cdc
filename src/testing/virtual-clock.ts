import { type Clock, systemClock } from '../core/clock.js'

/** Time that moves only when it is told to. */
export interface VirtualClock extends Clock {
  /** How many timers wait. */
  readonly pending: number
  /** Moves on by `ms` and fires what is due, in order; after each timer everything that it set off comes to rest before the next one fires. */
  advance(ms: number): Promise<void>
  /**
   * Lets time pass until the promise is settled: whenever everything rests, it goes to the next timer.
   *
   * @throws {Error} When the promise is not settled although no timer waits and nothing has happened for 5 s of real time.
   */
  until<T>(promise: Promise<T>): Promise<T>
}

/** Options of {@link virtualClock}. */
export interface VirtualClockOptions {
  /** Where time begins, in ms since 1970. Default 2026-01-01T00:00:00Z. */
  readonly now?: number
  /** How many turns of the event loop make "at rest". More are needed where what is tested does real input and output. Default 2. */
  readonly turns?: number
}

/**
 * A clock for tests: an hour of waiting costs nothing, and the same test always takes the same course.
 *
 * ```ts
 * const clock = virtualClock()
 * const run = pipeline.start({ clock })
 * await clock.advance(100)          // batches that wait for 100 ms are written
 * await clock.until(run.finished)   // lets time pass until the run has ended
 * ```
 */
export function virtualClock({ now = Date.UTC(2026, 0, 1), turns = 2 }: VirtualClockOptions = {}): VirtualClock {
  return new TimerHeap(now, turns)
}

interface Timer {
  readonly at: number
  readonly order: number
  readonly fn: () => void
  isCancelled: boolean
}

/** Timers by time, then by the order in which they were set. */
class TimerHeap implements VirtualClock {
  private readonly timers: Timer[] = []
  private waiting = 0
  private set = 0

  constructor(
    private time: number,
    private readonly turns: number,
  ) {}

  get pending(): number {
    return this.waiting
  }

  now(): number {
    return this.time
  }

  after(ms: number, fn: () => void): () => void {
    const timer: Timer = { at: this.time + Math.max(0, ms), order: this.set++, fn, isCancelled: false }
    this.push(timer)
    this.waiting++
    return () => {
      if (timer.isCancelled) return
      timer.isCancelled = true
      this.waiting--
    }
  }

  async advance(ms: number): Promise<void> {
    const end = this.time + ms
    await this.rest()
    while (this.fireNext(end)) await this.rest()
    this.time = Math.max(this.time, end)
  }

  async until<T>(promise: Promise<T>): Promise<T> {
    let isSettled = false
    const settled = () => {
      isSettled = true
    }
    promise.then(settled, settled)
    await this.rest()
    for (let idle = 0; !isSettled; ) {
      if (this.fireNext(Number.POSITIVE_INFINITY)) {
        idle = 0
        await this.rest()
      } else if (++idle > IDLE_LIMIT) {
        throw new Error('nothing is left to wait for: no timer is set, and the promise is not settled')
      } else {
        // No timer: either it settles within microtasks, or real input and output is under way, which takes real time.
        await (idle < 100 ? this.rest() : new Promise<void>(resolve => systemClock.after(1, resolve)))
      }
    }
    return promise
  }

  /** Fires the first timer that is due by `end`, with the clock at its time. False when none is. */
  private fireNext(end: number): boolean {
    for (let next = this.timers[0]; next !== undefined && next.at <= end; next = this.timers[0]) {
      this.pop()
      if (next.isCancelled) continue
      // From here its cancel function must do nothing.
      next.isCancelled = true
      this.waiting--
      this.time = Math.max(this.time, next.at)
      next.fn()
      return true
    }
    return false
  }

  /** A turn of the event loop runs all microtasks, however long their chain. */
  private async rest(): Promise<void> {
    for (let i = 0; i < this.turns; i++) await new Promise<void>(resolve => setImmediate(resolve))
  }

  private push(timer: Timer): void {
    const { timers } = this
    let at = timers.length
    timers.push(timer)
    while (at > 0) {
      const above = (at - 1) >>> 1
      if (isBefore(timers[above]!, timer)) break
      timers[at] = timers[above]!
      at = above
    }
    timers[at] = timer
  }

  private pop(): void {
    const { timers } = this
    const last = timers.pop()!
    if (timers.length === 0) return
    let at = 0
    for (;;) {
      let below = 2 * at + 1
      if (below >= timers.length) break
      if (below + 1 < timers.length && isBefore(timers[below + 1]!, timers[below]!)) below++
      if (isBefore(last, timers[below]!)) break
      timers[at] = timers[below]!
      at = below
    }
    timers[at] = last
  }
}

const IDLE_LIMIT = 5_000

const isBefore = (a: Timer, b: Timer): boolean => a.at < b.at || (a.at === b.at && a.order < b.order)
