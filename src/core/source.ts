import type { HeaderPair } from './headers.js'
import type { Inspectable } from './inspection.js'
import type { Logger } from './log.js'
import type { Origin, Position } from './position.js'
import type { Failure } from './quarantine.js'
import type { SourceFacts } from './source-facts.js'

/** One record as a source gives it. */
export interface Incoming<T> {
  readonly value: T
  readonly position: Position
  /** Default `'0'`. */
  readonly partition?: string
  /** Where reading goes on after it. Default position + 1; files: the byte offset of its end. */
  readonly next?: number
  readonly key?: Uint8Array | string | null
  readonly headers?: readonly HeaderPair[]
  /** Milliseconds since 1970. Default: when it was read. */
  readonly timestamp?: number
  /** Its size in bytes. Default `byteLength` of a value of bytes, the length of a text; give it where the value is neither. */
  readonly bytes?: number
  /** It could not be read whole: it goes to quarantine with this error, and `value` as its beginning. */
  readonly fault?: Error
  /** Hexadecimal SHA-256 of the whole, where `fault` is given and `value` is only its beginning. Of the same bytes that `bytes` counts. */
  readonly sha256?: string
  /** Replays only: where it first came from, and the wanted part. */
  readonly origin?: Origin
}

/** All positions of a partition before `next` are settled. */
export interface Prefix {
  readonly partition: string
  readonly next: number
}

/** One position of a 'single' source is settled: the worst outcome of its parts, with the reasons of all that failed. */
export interface Settlement {
  readonly partition: string
  readonly position: Position
  readonly outcome: 'delivered' | 'skipped' | 'quarantined'
  readonly failures: readonly Failure[]
}

/** Names a partition's content, so that a file replaced or a topic made anew under the same name is told from the old one. */
export interface Identity {
  /** Kept with the ledger when the partition is first taken over. */
  readonly mark: string
  /** Whether the content is still what an earlier mark named. */
  matches(earlier: string): boolean
  /** What is wrong where it does not match, in the source's own words. Default `MILL_LEDGER_AHEAD`. */
  readonly mismatch?: (earlier: string) => Error
}

/** What a source may ask of the run. For sources that seek or lose partitions; the others call none of the four functions. */
export interface SourceContext {
  readonly log: Logger
  readonly pipeline: string
  /** The name of this source in origins and ledger: its own, or its key among named sources. */
  readonly source: string
  /** Whether the sink keeps the ledger: then `assigned` says where to go on, and a store of positions is not needed. */
  readonly ledger: boolean
  /** Larger records are failed; a source that can should not hold them whole. Bytes. */
  readonly maxRecordBytes: number
  /**
   * Takes the partition over in the ledger and says where to go on: the first hole. A partition never assigned is taken over at its first record.
   *
   * @throws {MillraceError} `MILL_LEDGER_AHEAD` when the ledger holds positions of another content than `identity` names.
   */
  assigned(partition: string, identity?: Identity): Promise<{ readonly from?: number }>
  /** There is nothing to read before `next` (control records, compaction, a start in the middle). */
  advanced(partition: string, next: number): void
  /** Write now; resolves when these partitions are settled and committed, or the signal aborted. */
  draining(partitions: readonly string[], signal: AbortSignal): Promise<void>
  /** Queued records and late settlements of these partitions are dropped until they are assigned again. */
  revoked(partitions: readonly string[]): void
}

/** How a value that is not bytes is kept in quarantine and comes back. */
export interface Codec<T> {
  encode(value: T): Uint8Array
  decode(bytes: Uint8Array): T
}

/** An open source. */
export interface SourceSession<T, Done> {
  /**
   * Gives at least one record and at most about `limit`; waits while there is none; null when it is exhausted.
   * Not called while the window is full, and never twice at a time. A throw with `retryable: true` is tried again with back-off; any other ends the run.
   */
  readonly read: (
    limit: { readonly records: number; readonly bytes: number },
    signal: AbortSignal,
  ) => Promise<readonly Incoming<T>[] | null>
  /** Remembers what is settled. Never two at a time; left out where nothing remembers a position. */
  readonly commit?: (done: readonly Done[]) => Promise<void>
  /** Another owner has the partition. Without this the run fails and is not restarted. */
  readonly fenced?: (partition: string) => void
  /** What is still to be read, by partition, in positions. */
  readonly lag?: () => ReadonlyMap<string, number>
  /** What it tells of itself, for `snapshot()`. */
  readonly facts?: () => SourceFacts
  /**
   * Of a source without an end: where each partition ends at this moment, as far as is known, in positions (the next one that will be given).
   * A run that is to end when all that was there is settled (`millrace run --drain`) stops reading there.
   */
  readonly ends?: () => ReadonlyMap<string, number>
  readonly close?: () => Promise<void>
}

/** A source that commits in one of the two ways. */
export interface SourceOf<T, Commits extends 'prefix' | 'single', Done> extends Inspectable {
  readonly name: string
  /** 'prefix': positions are safe integers that grow within a partition, and what is before the first hole is committed. 'single': each by its id. */
  readonly commits: Commits
  /** Several processes may read it at once, each its share of the partitions: a consumer group. Default false. */
  readonly isShared?: boolean
  /** For quarantine. Default: bytes as they are, anything else as JSON. */
  readonly codec?: Codec<T>
  readonly open: (context: SourceContext) => Promise<SourceSession<T, Done>>
  /** The same source, bounded: for backfills. */
  readonly between?: (range: { readonly from: Position | Date; readonly to: Position | Date }) => Source<T>
}

/**
 * Gives records and never parses them: what cannot fail on content cannot lose content.
 *
 * A name, `commits`, `open` and `read` suffice; docs/components.md says what each member must do.
 */
export type Source<T = Uint8Array> = SourceOf<T, 'prefix', Prefix> | SourceOf<T, 'single', Settlement>
