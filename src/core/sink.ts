import type { Envelope } from './envelope.js'
import type { Inspectable, LedgerBooks } from './inspection.js'
import type { Logger } from './log.js'
import type { Failure, Quarantine } from './quarantine.js'
import type { Ranges } from './ranges.js'

/** When a batch is written: whichever bound is met first. */
export interface BatchLimits {
  /** Default 1,000. One record with more parts makes one larger batch. */
  readonly maxRecords: number
  /** Default 4 MiB, of the bytes as read. */
  readonly maxBytes: number
  /** How long a record waits for others, in ms. Default 100. */
  readonly maxWaitMs: number
}

/** The positions that a write settles, those of skipped and quarantined records included. */
export interface Cover {
  readonly source: string
  readonly partition: string
  readonly epoch: bigint
  /** Ranges of a 'prefix' source; ids of a 'single' one. */
  readonly positions: Ranges | readonly string[]
  /** Positions at which there was nothing to read. Covered too, and harmless to repeat. */
  readonly gaps: Ranges
}

/** What is written in one go. */
export interface Batch<out T> {
  readonly records: readonly Envelope<T>[]
  /** Only where quarantine and sink share a scope: to be written in the same transaction. */
  readonly failures: readonly Failure[]
  /** Only where the sink keeps a ledger. A batch may hold covers alone. */
  readonly covers: readonly Cover[]
}

/**
 * Only the named records failed; each goes to quarantine, or halts the run.
 *
 * Of a sink without a ledger the others are durable. Of one with a ledger nothing is: what was written was rolled back, and the engine writes
 * the others again, together with the failures and all covers, so that one transaction settles them.
 */
export class BatchError extends Error {
  override readonly name = 'BatchError'
  constructor(readonly failed: ReadonlyMap<number, unknown>) {
    super(`${failed.size} records of the batch failed`)
  }
}

/** Nothing was written: another owner has the partitions. Their records are dropped, the rest goes again. */
export class FencedError extends Error {
  override readonly name = 'FencedError'
  constructor(readonly partitions: readonly { readonly source: string; readonly partition: string }[]) {
    super(`another owner has ${partitions.map(({ source, partition }) => `${source} ${partition}`).join(', ')}`)
  }
}

/** Nothing was written: these positions were delivered before. The engine settles them as delivered and writes the rest again. */
export class CoveredError extends Error {
  override readonly name = 'CoveredError'
  constructor(readonly covers: readonly Pick<Cover, 'source' | 'partition' | 'positions'>[]) {
    super(`delivered before: ${covers.map(({ source, partition }) => `${source} ${partition}`).join(', ')}`)
  }
}

/** A sink took the batch onto its own disk. It leaves the window; its records settle together when `settled` resolves. */
export interface Held {
  readonly settled: Promise<'delivered' | 'quarantined'>
}

/** What a sink knows of its run. */
export interface SinkContext {
  readonly pipeline: string
  readonly log: Logger
  readonly quarantine: Quarantine | 'halt'
}

/** An open sink. */
export interface SinkSession<in T> {
  /** With a ledger: becomes the owner of a partition and says what is covered. Waits for a former owner's commit in progress. */
  readonly takeOver?: (
    source: string,
    partition: string,
    mark: string | null,
  ) => Promise<{ readonly epoch: bigint; readonly covered: Ranges; readonly mark: string | null }>
  /**
   * Looks at one record before it joins a batch: returns the error that it would fail with, undefined when it may be sent.
   * Called once a record, synchronously; so a bad record costs its neighbours nothing. It must not throw.
   */
  readonly check?: (record: Envelope<T>) => unknown
  /**
   * Resolves when durable, or with Held once spooled. Throws BatchError, FencedError or CoveredError; after any other throw nothing is known to be
   * written: retryable ones go again with back-off for as long as it takes, the others end the run.
   */
  readonly write: (batch: Batch<T>, signal: AbortSignal) => Promise<Held | void>
  /** Seals what is held. */
  readonly flush?: () => Promise<void>
  readonly close?: () => Promise<void>
}

/** Where records end. A name, `open` and `write` suffice; docs/components.md says what each member must do. */
export interface Sink<in T> extends Inspectable {
  readonly name: string
  readonly batch?: Partial<BatchLimits>
  /** Default 1. */
  readonly maxConcurrentWrites?: number
  /** Exactly once: its sessions have `takeOver` and write the covers with the rows. */
  readonly ledger?: boolean
  /** The same record again changes nothing (upsert, update). */
  readonly overwrites?: boolean
  /** The same object as the quarantine's: failures go into the batch's transaction. */
  readonly scope?: object
  /** Records of one lane are written in order, one batch at a time. */
  readonly lane?: (record: Envelope<T>) => string
  readonly open: (context: SinkContext) => Promise<SinkSession<T>>
  /** The ledger as `millrace ledger` shows it. Of sinks that keep one. */
  readonly ledgerBooks?: LedgerBooks
}

declare const exact: unique symbol
/** A sink whose rows are named columns: a field that is no column is an error, at compile time too. */
export interface TableSink<in Row> extends Sink<Row> {
  readonly [exact]: true
}
