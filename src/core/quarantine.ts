import type { Attempt } from './attempts.js'
import type { ErrorReport } from './error-report.js'
import type { Inspectable } from './inspection.js'
import type { Origin } from './position.js'

/** A record that failed, as it goes to quarantine. */
export interface Failure {
  readonly origin: Origin
  /** Which step failed: 'read', 'decode', 'validate', 'handle', 'write', … */
  readonly stage: string
  readonly error: unknown
  readonly attempts: readonly Attempt[]
  /** The bytes as read; of more than 1 MiB the first 1 MiB. */
  readonly raw: Uint8Array
  /** How many bytes there were. */
  readonly rawBytes: number
  /**
   * Of the whole, as hexadecimal SHA-256, where `raw` is only the beginning: of the bytes that `rawBytes` counts and `raw` begins. Without the line end;
   * of a CSV row it is header row, LF and row. Absent where a source gave only the beginning and no hash.
   */
  readonly rawSha256?: string
  /** The record had no value, as a tombstone of Kafka; `raw` is empty then. Left out where it had one. */
  readonly isTombstone?: true
  readonly key: Uint8Array | null
  readonly headers: readonly (readonly [name: string, value: Uint8Array])[]
  /** Milliseconds since 1970. */
  readonly timestamp: number
}

/** Which entries are wanted. All given members must hold. */
export interface QuarantineFilter {
  readonly stage?: string
  readonly code?: string
  readonly pipeline?: string
  /** Entries quarantined at this moment or later. */
  readonly since?: Date
  /** Entries quarantined before this moment. */
  readonly until?: Date
}

/** A failure as it is kept. `error` and those of `attempts` are {@link ErrorReport}s. */
export interface QuarantineEntry extends Failure {
  readonly id: string
  readonly pipeline: string
  /** When it was quarantined, milliseconds since 1970. */
  readonly at: number
  readonly error: ErrorReport
  /** The version of Millrace that quarantined it. */
  readonly version: string
}

/** An entry without the name that its store gave it. */
export type QuarantinedRecord = Omit<QuarantineEntry, 'id'>

/** A quarantine opened for one pipeline. */
export interface QuarantineSession {
  /** Durable when it resolves; a throw that is not retryable stops the run. */
  readonly put: (failures: readonly Failure[]) => Promise<void>
  readonly close?: () => Promise<void>
}

/** Where failed records are kept with the reason, until they are replayed or dropped. */
export interface Quarantine extends Inspectable {
  readonly name: string
  /** The same object as the sink's: then failures are written within the batch's own transaction. */
  readonly scope?: object
  /** Opened with the run, before the source. */
  readonly open: (context: { readonly pipeline: string }) => Promise<QuarantineSession>
  /** In the order in which they came, those that were there when the listing began. */
  readonly list: (filter?: QuarantineFilter) => AsyncIterable<QuarantineEntry>
  /** Takes entries out. Unknown ids are passed over. */
  readonly release: (ids: readonly string[]) => Promise<void>
  /** How many entries there are, of all pipelines; of more than `atMost`, that. For metrics: left out where it is not cheap. */
  readonly count?: (atMost: number) => Promise<number>
  /**
   * Takes whole entries in, of another quarantine or of an earlier day: all but their ids stays as it is, `at` and `version` included. One of the same
   * record is replaced. Durable when it resolves.
   */
  readonly restore?: (entries: readonly QuarantinedRecord[]) => Promise<void>
}
