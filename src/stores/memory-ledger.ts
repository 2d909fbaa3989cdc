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
