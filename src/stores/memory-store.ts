import { type Origin, originText } from '../core/position.js'
import type { QuarantineEntry } from '../core/quarantine.js'
import type { Cover } from '../core/sink.js'
import { entryIdentity } from './entry-identity.js'
import { MemoryLedger } from './memory-ledger.js'

/** The rows of one memory sink, with what each came from. */
export interface MemoryTable {
  readonly rows: unknown[]
  readonly origins: Origin[]
}

/** What one write of a memory sink commits: all of it or nothing. */
export interface MemoryTransaction {
  readonly pipeline: string
  /** The sink's name. */
  readonly table: string
  readonly rows: readonly { readonly value: unknown; readonly origin: Origin }[]
  /** A row of the same origin is replaced, as an upsert would. */
  readonly overwrites: boolean
  readonly entries: readonly QuarantineEntry[]
  readonly covers: readonly Cover[]
}

/**
 * A database in memory: rows, ledger and quarantine of the sinks and quarantines that share it.
 *
 * It outlives the runs that write to it, so that a test can crash one and start another. One store is one scope of transactions.
 */
export class MemoryStore {
  readonly ledger = new MemoryLedger()
  /** By id, in the order in which they came. */
  readonly entries = new Map<string, QuarantineEntry>()
  private readonly tables = new Map<string, MemoryTable>()
  private readonly places = new Map<string, number>()
  private readonly idsByIdentity = new Map<string, string>()
  private lastEntry = 0

  /** The rows of the sink of this name. The same object every time, so it shows later rows too. */
  table(name: string): MemoryTable {
    const known = this.tables.get(name)
    if (known !== undefined) return known
    const table: MemoryTable = { rows: [], origins: [] }
    this.tables.set(name, table)
    return table
  }

  /** An id for an entry of the quarantine, never given before. */
  nextEntryId(): string {
    return `${++this.lastEntry}`
  }

  /**
   * Commits a transaction.
   *
   * @throws {FencedError} when another owner has taken a covered partition over; {@link CoveredError} when a position was covered before. Either
   * way nothing is written.
   */
  commit({ pipeline, table, rows, overwrites, entries, covers }: MemoryTransaction): void {
    const refusal = this.ledger.refusal(pipeline, covers)
    if (refusal !== null) throw refusal
    for (const { value, origin } of rows) this.put(table, value, origin, overwrites)
    for (const entry of entries) this.keep(entry)
    this.ledger.cover(pipeline, covers)
  }

  /** Keeps an entry, in place of the one that the same record had: see `entryIdentity`. */
  keep(entry: QuarantineEntry): void {
    const identity = entryIdentity(entry.pipeline, entry)
    const formerId = this.idsByIdentity.get(identity)
    const former = formerId === undefined ? undefined : this.entries.get(formerId)
    if (former !== undefined) this.entries.delete(former.id)
    // A replay has only the beginning of a record that was too large to keep: what the first entry knew of the whole goes on.
    const isHashMissing = entry.rawSha256 === undefined && entry.rawBytes > entry.raw.byteLength && former?.rawSha256 !== undefined
    this.entries.set(entry.id, isHashMissing ? { ...entry, rawSha256: former.rawSha256 } : entry)
    this.idsByIdentity.set(identity, entry.id)
  }

  /** Takes an entry out; an unknown id is passed over. */
  release(id: string): void {
    const entry = this.entries.get(id)
    if (entry === undefined) return
    this.entries.delete(id)
    this.idsByIdentity.delete(entryIdentity(entry.pipeline, entry))
  }

  private put(name: string, value: unknown, origin: Origin, overwrites: boolean): void {
    const { rows, origins } = this.table(name)
    if (overwrites) {
      const key = `${name} ${originText(origin)}`
      const place = this.places.get(key)
      if (place !== undefined) {
        rows[place] = value
        return
      }
      this.places.set(key, rows.length)
    }
    rows.push(value)
    origins.push(origin)
  }
}

/** A new, empty {@link MemoryStore}. */
export function memoryStore(): MemoryStore {
  return new MemoryStore()
}
