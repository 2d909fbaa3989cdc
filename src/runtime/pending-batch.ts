import { Envelope } from '../core/envelope.js'
import type { Failure } from '../core/quarantine.js'
import { RangeSet } from '../core/ranges.js'
import { eachRoot, type Part, type Root } from '../core/receipt.js'
import type { Batch, Cover } from '../core/sink.js'
import type { Departed } from './departed.js'
import { nextOf, PrefixTracker, type Tracker } from './tracker.js'

/** A batch on its way: what is to be written in one go, and whose receipts settle with it. */
export class PendingBatch {
  records: Envelope<unknown>[] = []
  /** Parts without a row that settle with this write: skipped ones, and failures of the same transaction. */
  others: Departed[] = []
  /** With a ledger: the records that this write covers. */
  roots: Root[] = []
  bytes = 0
  /** How often the sink was asked to write it. */
  attempts = 0
  /** Rows that are durable, or that the sink holds. */
  durable = 0
  isWritten = false
  /** Cancels the timer that bounds how long it waits. */
  cancelTimer: (() => void) | null = null

  get isEmpty(): boolean {
    return this.records.length === 0 && this.others.length === 0 && this.roots.length === 0
  }

  get parts(): number {
    return this.records.length + this.others.length
  }

  /** What the sink gets. The covers hold, beside the positions, all gaps of their partitions that no write has covered yet. */
  toBatch(withCovers: boolean, trackersWithGaps: Iterable<PrefixTracker> = []): Batch<unknown> {
    const failures: Failure[] = []
    for (const { failures: given, inBatch } of this.others) if (inBatch) failures.push(...given)
    return { records: this.records, failures, covers: withCovers ? coversOf(this.roots, trackersWithGaps) : [] }
  }

  /** Takes out what `isGone` says; returns the parts taken out. */
  drop(isGone: (root: Root) => boolean): Part[] {
    const gone: Part[] = []
    const stays = (part: Part): boolean => {
      let stays = true
      eachRoot(part, root => {
        if (isGone(root)) stays = false
      })
      if (!stays) gone.push(part)
      return stays
    }
    this.records = this.records.filter(record => stays(Envelope.partOf(record)))
    this.others = this.others.filter(({ part }) => stays(part))
    this.roots = this.roots.filter(root => !isGone(root))
    return gone
  }
}

function coversOf(roots: readonly Root[], trackersWithGaps: Iterable<PrefixTracker>): Cover[] {
  const byTracker = new Map<Tracker, RangeSet | string[]>()
  for (const tracker of trackersWithGaps) byTracker.set(tracker, new RangeSet())
  for (const { tracker: books, incoming } of roots) {
    const tracker = books as Tracker
    let positions = byTracker.get(tracker)
    if (positions === undefined) {
      positions = tracker instanceof PrefixTracker ? new RangeSet() : []
      byTracker.set(tracker, positions)
    }
    if (positions instanceof RangeSet) positions.add(incoming.position as number, nextOf(incoming))
    else positions.push(String(incoming.position))
  }
  return [...byTracker].map(([tracker, positions]) => ({
    source: tracker.source,
    partition: tracker.partition,
    epoch: tracker.epoch,
    positions: positions instanceof RangeSet ? positions.toRanges() : positions,
    gaps: tracker instanceof PrefixTracker ? tracker.gaps.toRanges() : [],
  }))
}
