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
  /** The record leaves the window unsettled, with this many parts. */
  release(root: Root, parts: number): void
  /** Records known only by their positions are settled. */
  settledRanges(tracker: PrefixTracker, ranges: RangeSet, records: number, outcome: 'delivered' | 'quarantined'): void
  changed(): void
  fail(error: unknown): void
}

interface Hold {
  readonly ranges: Map<PrefixTracker, { readonly positions: RangeSet; records: number }>
  readonly parts: Part[]
}

/**
 * Batches that a sink took onto its own disk. They have left the window; a record that is wholly in one of them is kept as a position in a
 * range, so that ten million held records cost next to no memory. The others (parts of a split, of 'single' sources) keep their receipts.
 */
export class Holds {
  /** Held parts. */
  records = 0
  private flushing: Promise<void> | null = null

  constructor(private readonly host: HoldsHost) {}

  take(batch: PendingBatch, held: Held): void {
    const hold: Hold = { ranges: new Map(), parts: [] }
    for (const record of batch.records) this.keep(hold, Envelope.partOf(record))
    for (const { part, outcome, reason, failures } of batch.others) this.host.settled(part, outcome, reason, failures)
    const records = batch.records.length
    this.records += records
    held.settled.then(
      outcome => {
        this.records -= records
        this.settle(hold, outcome)
        this.host.changed()
      },
      error => this.host.fail(error),
    )
  }

  /** Seals what is held; one flush at a time. */
  flush(flush: () => Promise<void>): void {
    if (this.flushing !== null) return
    this.flushing = flush().then(
      () => {
        this.flushing = null
      },
      error => this.host.fail(error),
    )
  }

  private keep(hold: Hold, part: Part): void {
    const { root } = part
    const isWhole = part.others === null && root.unsettled === 1 && root.open === 0
    if (!isWhole || !(root.tracker instanceof PrefixTracker)) {
      eachRoot(part, member => {
        if (!member.isHeld && member.open === 0 && member.unsettled === 1) this.host.release(member, member === root ? 1 : 0)
      })
      hold.parts.push(part)
      return
    }
    let known = hold.ranges.get(root.tracker)
    if (known === undefined) {
      known = { positions: new RangeSet(), records: 0 }
      hold.ranges.set(root.tracker, known)
    }
    known.positions.add(root.incoming.position as number, nextOf(root.incoming))
    known.records++
    this.host.release(root, 1)
  }

  private settle(hold: Hold, outcome: 'delivered' | 'quarantined'): void {
    for (const [tracker, { positions, records }] of hold.ranges) this.host.settledRanges(tracker, positions, records, outcome)
    for (const part of hold.parts) this.host.settled(part, outcome, outcome === 'quarantined' ? 'held' : null, [])
  }
}
