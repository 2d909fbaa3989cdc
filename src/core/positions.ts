import type { Inspectable } from './inspection.js'

/** Where reading goes on, as a store keeps it. */
export interface StoredPosition {
  readonly next: number
  /** What the partition's content was when the position was kept: see `Identity`. */
  readonly mark: string | null
}

/** A position with the partition that it is of. */
export interface PositionEntry extends StoredPosition {
  readonly source: string
  readonly partition: string
}

/** An open store of positions. */
export interface PositionsSession {
  readonly read: (source: string, partition: string) => Promise<StoredPosition | undefined>
  /** Durable when it resolves. Entries of one call are kept together. */
  readonly write: (entries: readonly PositionEntry[]) => Promise<void>
  readonly close?: () => Promise<void>
}

/** Where a source that nobody else remembers keeps its positions, when the sink keeps no ledger. */
export interface Positions extends Inspectable {
  readonly name: string
  /** Positions of different pipelines never meet. */
  readonly open: (context: { readonly pipeline: string }) => Promise<PositionsSession>
}
