import type { Ranges } from './ranges.js'

/** What a fault is called in the exit status of a command: 69, 78, 77, 75. */
export type FaultKind = 'unavailable' | 'config' | 'not-allowed' | 'locked'

/** One thing that an inspection found. No secret may stand in any of its texts. */
export interface Finding {
  /** `'fault'`: a run would fail or lose its way; `'warning'`: it may, or soon will. */
  readonly level: 'ok' | 'warning' | 'fault'
  /** What is so, in a sentence without a full stop: `table signups has no column email`. */
  readonly what: string
  /** Why, where that is known: what a server answered. */
  readonly cause?: string
  /** The way out, as something to do. */
  readonly fix?: string
  /** Of a fault: its class, where it has one. */
  readonly kind?: FaultKind
}

/** What an inspection knows. */
export interface InspectionContext {
  readonly pipeline: string
  /** Whether the sink keeps the ledger: then the positions of a source's own place do not decide. */
  readonly ledger: boolean
  /** Aborted when nobody waits for findings any more. */
  readonly signal: AbortSignal
  /**
   * Whether nobody has told of this thing yet (a database, a cluster): parts that share one are inspected together, and only the first of them says
   * how it is reached. True once for each key.
   */
  first(key: unknown): boolean
}

/**
 * What a part may tell of itself. Sources, sinks, quarantines and stores of positions extend it; both members are optional.
 */
export interface Inspectable {
  /**
   * Lines for `millrace explain`. Those that begin with `guarantees: ` are shown under that heading. Opens nothing, and tells no secret.
   */
  readonly describe?: () => readonly string[]
  /**
   * Connects, looks, and changes nothing: what `millrace doctor` prints. Each wait has a bound, so that it always ends; what goes wrong is a finding and
   * not a throw.
   */
  readonly inspect?: (context: InspectionContext) => AsyncIterable<Finding>
}

/** What a ledger holds of one partition. */
export interface LedgerPartition {
  readonly source: string
  readonly partition: string
  /** Of a 'prefix' source. */
  readonly covered: Ranges
  /** How many ids of a 'single' source it remembers. */
  readonly ids: number
  /** How many owners there were. */
  readonly epoch: bigint
  readonly owner: string | null
  /** Whether a connection of its owner is there; undefined where that cannot be known. */
  readonly isOwned?: boolean
  /** What the partition's content is called: see `Identity`. */
  readonly mark: string | null
}

/** Which partitions of a ledger: all given members must hold. */
export interface LedgerSelection {
  readonly source?: string
  readonly partition?: string
}

/** A ledger, open to be looked at. */
export interface LedgerBooks {
  /** What it holds of a pipeline, by source and partition; nothing where the ledger was never made. */
  readonly list: (pipeline: string) => Promise<readonly LedgerPartition[]>
  /** Forgets partitions: what their source still has comes again. An owner at work is fenced. Gives how many were forgotten. */
  readonly reset: (pipeline: string, where?: LedgerSelection) => Promise<number>
}
