import { MillraceError } from '../core/errors.js'
import type { Position } from '../core/position.js'
import type { Failure } from '../core/quarantine.js'
import { RangeSet, type Ranges } from '../core/ranges.js'
import type { Arrival, Outcome, PartitionBooks } from '../core/receipt.js'
import type { Incoming, Settlement } from '../core/source.js'

/** What is settled of one partition. The engine asks it before a record enters the steps, and tells it when a record is settled. */
export abstract class Tracker implements PartitionBooks {
  isRevoked = false
  /** Records in the window. */
  unsettled = 0
  /** What its latest records share. */
  arrival: Arrival | null = null

  constructor(
    readonly source: string,
    readonly partition: string,
    /** Counts the owners of the partition in the ledger; 0 where there is none. */
    readonly epoch: bigint,
  ) {}

  /** False when the record was covered before: it is dropped. */
  abstract open(incoming: Incoming<unknown>): boolean
  abstract settled(incoming: Incoming<unknown>, outcome: Outcome, failures: readonly Failure[] | null): void
}

/** Settled positions of a source that commits a prefix: as ranges, so that memory goes with the holes and not with the records. */
export class PrefixTracker extends Tracker {
  /** All positions before it are settled. */
  prefix = 0
  /** What the source was told. */
  committed = 0
  /** Positions without a record that no write has covered yet. */
  readonly gaps = new RangeSet()
  /** Settled beyond the prefix: a hole lies before each range. */
  private readonly beyond: RangeSet
  /** Where the next record may begin. */
  private reached = 0

  constructor(source: string, partition: string, epoch = 0n, covered: Ranges = []) {
    super(source, partition, epoch)
    this.beyond = RangeSet.of(covered)
    this.advance()
    this.reached = this.prefix
  }

  /** Where reading goes on: the first hole; undefined while nothing is known. */
  get from(): number | undefined {
    return this.prefix === 0 && this.beyond.size === 0 ? undefined : this.prefix
  }

  /** Stretches that are settled beyond a position that is not. */
  get holes(): number {
    return this.beyond.size
  }

  /** What was covered before, in words. */
  get coveredText(): string {
    return `0…${this.prefix}${this.beyond.size > 0 ? ` and ${this.beyond.size} ranges to ${this.beyond.end}` : ''}`
  }

  open(incoming: Incoming<unknown>): boolean {
    const { position } = incoming
    if (typeof position !== 'number' || !Number.isSafeInteger(position) || position < 0)
      throw this.invalid(position, 'a safe integer from 0 up')
    if (position < this.prefix || this.beyond.has(position)) return false
    if (position < this.reached) throw this.invalid(position, `at least ${this.reached}: positions grow`)
    if (position > this.reached) this.skipTo(position)
    this.reached = nextOf(incoming)
    if (!(this.reached > position)) throw this.invalid(this.reached, `a next beyond ${position}`)
    this.unsettled++
    return true
  }

  /** There is no record before `next` that was not given. */
  skipTo(next: number): void {
    if (next <= this.reached) return
    const gap = new RangeSet()
    // What lies before the prefix is settled, and no gap, though nothing of it was given in this run.
    const start = Math.max(this.reached, this.prefix)
    gap.add(start, next)
    for (const [from, to] of this.beyond.within(start, next)) gap.remove(from, to)
    for (const [from, to] of gap.toRanges()) {
      this.gaps.add(from, to)
      this.add(from, to)
    }
    this.reached = next
  }

  settled(incoming: Incoming<unknown>): void {
    this.unsettled--
    this.add(incoming.position as number, nextOf(incoming))
  }

  /** Records of which only the positions were kept are settled. */
  settledRanges(ranges: Ranges, records: number): void {
    this.unsettled -= records
    for (const [from, to] of ranges) this.add(from, to)
  }

  /** A write has covered these gaps. */
  confirmGaps(gaps: Ranges): void {
    for (const [from, to] of gaps) this.gaps.remove(from, to)
  }

  private add(from: number, to: number): void {
    // The common case: the next in line, and no holes.
    if (from <= this.prefix && this.beyond.size === 0) {
      if (to > this.prefix) this.prefix = to
      return
    }
    this.beyond.add(from, to)
    this.advance()
  }

  private advance(): void {
    const hole = this.beyond.holeFrom(this.prefix)
    if (hole === this.prefix) return
    this.prefix = hole
    this.beyond.dropBefore(hole)
  }

  private invalid(position: Position, expected: string): MillraceError {
    return new MillraceError('MILL_POSITION_INVALID', {
      source: this.source,
      partition: this.partition,
      position: String(position),
      expected,
    })
  }
}

/** Settled positions of a source that is told of each by its id. */
export class SingleTracker extends Tracker {
  private readonly opened = new Set<Position>()
  private done: Settlement[] = []

  open({ position }: Incoming<unknown>): boolean {
    // A source may give an id again while it is under way (a redelivery after a timeout): the first one settles it.
    if (this.opened.has(position)) return false
    this.opened.add(position)
    this.unsettled++
    return true
  }

  settled({ position }: Incoming<unknown>, outcome: Outcome, failures: readonly Failure[] | null): void {
    this.unsettled--
    this.opened.delete(position)
    this.done.push({ partition: this.partition, position, outcome, failures: failures ?? [] })
  }

  /** What the source is to be told next; it is told once. */
  takeDone(): Settlement[] {
    const { done } = this
    this.done = []
    return done
  }

  /** The source could not be told: it is told with the next. */
  putBack(done: readonly Settlement[]): void {
    this.done.unshift(...done)
  }
}

/** Where reading goes on after a record. */
export function nextOf(incoming: Incoming<unknown>): number {
  return incoming.next ?? (incoming.position as number) + 1
}
