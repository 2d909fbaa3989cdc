import type { Arrival, Root } from '../core/receipt.js'

const MIN_ARRIVALS = 64

/**
 * What is unsettled, in records and bytes: the back-pressure of a run. The source is not read while it is full.
 *
 * The records hang in lists, one an arrival, oldest first, so that the oldest is known without a search; a Set would cost about 0.1 µs a record, and
 * one list for all, which grows old, a note to the garbage collector for each young record that is hung into it.
 */
export class Window {
  /** Unsettled parts: a record counts one, its split children one each. */
  parts = 0
  bytes = 0
  private arrivals: Arrival[] = []
  /** How many arrivals there may be before those without an unsettled record are taken out. */
  private maxArrivals = MIN_ARRIVALS
  private waiting: (() => void)[] = []

  constructor(
    readonly maxParts: number,
    readonly maxBytes: number,
  ) {}

  get isFull(): boolean {
    return this.parts >= this.maxParts || this.bytes >= this.maxBytes
  }

  get oldest(): Root | null {
    for (const { oldest } of this.arrivals) if (oldest !== null) return oldest
    return null
  }

  add(root: Root): void {
    this.parts++
    this.bytes += root.bytes
    const { arrival } = root
    if (!arrival.isListed) this.list(arrival)
    const { newest } = arrival
    root.older = newest
    if (newest === null) arrival.oldest = root
    else newest.newer = root
    arrival.newest = root
  }

  /** The record is settled, or held elsewhere. Its parts are counted by `shrink`. */
  remove(root: Root): void {
    this.bytes -= root.bytes
    const { older, newer, arrival } = root
    if (older === null) arrival.oldest = newer
    else older.newer = newer
    if (newer === null) arrival.newest = older
    else newer.older = older
    root.older = null
    root.newer = null
  }

  grow(parts: number): void {
    this.parts += parts
  }

  shrink(parts: number): void {
    this.parts -= parts
  }

  private list(arrival: Arrival): void {
    if (this.arrivals.length >= this.maxArrivals) this.dropEmpty()
    this.arrivals.push(arrival)
    arrival.isListed = true
  }

  private dropEmpty(): void {
    const { arrivals } = this
    this.arrivals = []
    for (const arrival of arrivals) {
      if (arrival.oldest === null) arrival.isListed = false
      else this.arrivals.push(arrival)
    }
    this.maxArrivals = Math.max(MIN_ARRIVALS, this.arrivals.length * 2)
  }

  /** Resolves when there is room. */
  room(): Promise<void> | undefined {
    if (!this.isFull) return undefined
    return new Promise(resolve => {
      this.waiting.push(resolve)
    })
  }

  /** Wakes who waits for room; called once a batch. */
  wake(): void {
    if (this.waiting.length === 0 || this.isFull) return
    const { waiting } = this
    this.waiting = []
    for (const resolve of waiting) resolve()
  }
}
