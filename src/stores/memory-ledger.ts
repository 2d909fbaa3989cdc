import type { LedgerPartition, LedgerSelection } from '../core/inspection.js'
import { RangeSet, type Ranges } from '../core/ranges.js'
import { type Cover, CoveredError, FencedError } from '../core/sink.js'

/** What the ledger holds of one partition. */
export interface MemoryLedgerRow {
  readonly covered: RangeSet
  /** Ids of a 'single' source. */
  readonly seen: Set<string>
  epoch: bigint
  mark: string | null
}

/** The ledger of design and docs/delivery.md, in memory: who owns a partition, and which of its positions are covered. */
export class MemoryLedger {
  private readonly rows = new Map<string, MemoryLedgerRow>()

  /** The row of a partition; undefined where nobody ever took it over. */
  row(pipeline: string, source: string, partition: string): MemoryLedgerRow | undefined {
    return this.rows.get(JSON.stringify([pipeline, source, partition]))
  }

  /** Makes the caller the owner: writes under an earlier epoch are refused from now on. */
  takeOver(pipeline: string, source: string, partition: string, mark: string | null) {
    const row = this.rowFor(pipeline, source, partition)
    row.epoch++
    if (row.mark === null || (row.covered.size === 0 && row.seen.size === 0)) row.mark = mark
    return { epoch: row.epoch, covered: row.covered.toRanges(), mark: row.mark }
  }

  /** Why these covers cannot be written: another owner, or delivered before. Null when they can. */
  refusal(pipeline: string, covers: readonly Cover[]): FencedError | CoveredError | null {
    const fenced = covers.filter(({ source, partition, epoch }) => this.rowFor(pipeline, source, partition).epoch !== epoch)
    if (fenced.length > 0) return new FencedError(fenced.map(({ source, partition }) => ({ source, partition })))
    const before = covers.map(cover => ({ ...cover, positions: this.coveredOf(pipeline, cover) })).filter(c => c.positions.length > 0)
    return before.length > 0 ? new CoveredError(before) : null
  }

  /** Covers positions and gaps. Call it only where `refusal` gave null. */
  cover(pipeline: string, covers: readonly Cover[]): void {
    for (const { source, partition, positions, gaps } of covers) {
      const row = this.rowFor(pipeline, source, partition)
      for (const position of positions) {
        if (typeof position === 'string') row.seen.add(position)
        else row.covered.add(...position)
      }
      row.covered.addAll(gaps)
    }
  }

  /** What is kept of a pipeline, by source and partition. */
  list(pipeline: string): LedgerPartition[] {
    const found = [...this.rows].map(([key, row]) => ({ key: JSON.parse(key) as [string, string, string], row }))
    return found
      .filter(({ key }) => key[0] === pipeline)
      .map(({ key: [, source, partition], row: { covered, seen, epoch, mark } }) => ({
        source,
        partition,
        covered: covered.toRanges(),
        ids: seen.size,
        epoch,
        owner: null,
        mark,
      }))
      .sort((a, b) => (a.source === b.source ? (a.partition < b.partition ? -1 : 1) : a.source < b.source ? -1 : 1))
  }

  /** Forgets partitions of a pipeline; gives how many. */
  reset(pipeline: string, { source, partition }: LedgerSelection = {}): number {
    const gone = this.list(pipeline).filter(
      row => (source === undefined || row.source === source) && (partition === undefined || row.partition === partition),
    )
    for (const row of gone) this.rows.delete(JSON.stringify([pipeline, row.source, row.partition]))
    return gone.length
  }

  private coveredOf(pipeline: string, { source, partition, positions }: Cover): Ranges | readonly string[] {
    const { covered, seen } = this.rowFor(pipeline, source, partition)
    const ids = positions.filter(position => typeof position === 'string' && seen.has(position)) as string[]
    return ids.length > 0 ? ids : positions.flatMap(position => (typeof position === 'string' ? [] : covered.within(...position)))
  }

  private rowFor(pipeline: string, source: string, partition: string): MemoryLedgerRow {
    const key = JSON.stringify([pipeline, source, partition])
    const known = this.rows.get(key)
    if (known !== undefined) return known
    const row: MemoryLedgerRow = { covered: new RangeSet(), seen: new Set(), epoch: 0n, mark: null }
    this.rows.set(key, row)
    return row
  }
}
