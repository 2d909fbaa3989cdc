import { Envelope } from '../core/envelope.js'
import type { Failure } from '../core/quarantine.js'
import { RangeSet } from '../core/ranges.js'
import { eachRoot, type Outcome, type Part, type Root } from '../core/receipt.js'
import type { Held } from '../core/sink.js'
import type { PendingBatch } from './pending-batch.js'
import { nextOf, PrefixTracker } from './tracker.js'

/** What the holds ask of the engine. */
export interface HoldsHost {
  settled(part: Part, outcome: Outcome, reason: string | null, failures: readonly Failure[]): void
  /** The parts leave the window unsettled. */
  release(root: Root, parts: number): void
  /** All unsettled parts of the record are held: it leaves the window, too. */
  releaseRoot(root: Root): void
  /** Records known only by their positions are settled. */
  settledRanges(tracker: PrefixTracker, held: HeldRanges, outcome: 'delivered' | 'quarantined'): void
  changed(): void
  fail(error: unknown): void
}

/** Records known only by their positions, and how many parts they were when they were held. */
export interface HeldRanges {
  readonly positions: RangeSet
  records: number
  parts: number
}

interface Hold {
  readonly ranges: Map<PrefixTracker, HeldRanges>
  readonly parts: Part[]
}

/**
 * Batches that a sink took onto its own disk. They have left the window; a record that is wholly in one of them is kept as a position in a
 * range, so that ten million held records cost next to no memory. The others (split over several batches, joined, of 'single' sources) keep
 * their receipts.
 */
export class Holds {
  /** Held parts. */
  records = 0
  private isFlushing = false
  /** Whether something was taken since the last flush began. */
  private isUnsealed = false

  constructor(private readonly host: HoldsHost) {}

  take(batch: PendingBatch, held: Held): void {
    const hold: Hold = { ranges: new Map(), parts: [] }
    const together = new Map<Root, number>()
    for (const record of batch.records) {
      const { root, path } = Envelope.partOf(record)
      if (path !== '') together.set(root, (together.get(root) ?? 0) + 1)
    }
    for (const record of batch.records) this.keep(hold, Envelope.partOf(record), together)
    for (const { part, outcome, reason, failures } of batch.others) this.host.settled(part, outcome, reason, failures)
    const records = batch.records.length
    this.records += records
    this.isUnsealed = records > 0 || this.isUnsealed
    held.settled.then(
      outcome => {
        this.records -= records
        this.settle(hold, outcome)
        this.host.changed()
      },
      error => this.host.fail(error),
    )
  }

  /** Seals what is held; one flush at a time, and none while nothing was taken since the last one. */
  flush(flush: () => Promise<void>): void {
    if (this.isFlushing || !this.isUnsealed) return
    this.isFlushing = true
    this.isUnsealed = false
    flush().then(
      () => {
        this.isFlushing = false
        this.host.changed()
      },
      error => this.host.fail(error),
    )
  }

  private keep(hold: Hold, part: Part, together: ReadonlyMap<Root, number>): void {
    const { root } = part
    part.state = 'held'
    this.host.release(root, 1)
    const inBatch = part.path === '' ? 1 : together.get(root)!
    if (part.others === null && root.open === 0 && root.unsettled === inBatch && root.tracker instanceof PrefixTracker) {
      if (!root.details.isHeld) this.keepRange(hold, root.tracker, root, inBatch)
      return
    }
    eachRoot(part, member => {
      const { ownDetails } = member
      ownDetails.held++
      if (!ownDetails.isHeld && member.open === 0 && ownDetails.held === member.unsettled) this.host.releaseRoot(member)
    })
    hold.parts.push(part)
  }

  private keepRange(hold: Hold, tracker: PrefixTracker, root: Root, parts: number): void {
    let known = hold.ranges.get(tracker)
    if (known === undefined) {
      known = { positions: new RangeSet(), records: 0, parts: 0 }
      hold.ranges.set(tracker, known)
    }
    known.positions.add(root.incoming.position as number, nextOf(root.incoming))
    known.records++
    known.parts += parts
    this.host.releaseRoot(root)
  }

  private settle(hold: Hold, outcome: 'delivered' | 'quarantined'): void {
    for (const [tracker, held] of hold.ranges) this.host.settledRanges(tracker, held, outcome)
    for (const part of hold.parts) this.host.settled(part, outcome, outcome === 'quarantined' ? 'held' : null, [])
  }
}
