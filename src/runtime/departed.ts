import type { Envelope } from '../core/envelope.js'
import type { Failure } from '../core/quarantine.js'
import type { Outcome, Part } from '../core/receipt.js'

/** A part that left the steps: with a row, skipped (no row), or failed. */
export interface Departed {
  readonly part: Part
  readonly record: Envelope<unknown> | null
  readonly failures: readonly Failure[]
  /** The failures are to be written in the batch's own transaction; else they are durable already. */
  readonly inBatch: boolean
  readonly outcome: Outcome
  readonly reason: string | null
}
