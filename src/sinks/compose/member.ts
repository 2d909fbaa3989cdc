import type { Envelope } from '../../core/envelope.js'
import type { Failure } from '../../core/quarantine.js'
import { BatchError, type Cover, type Held, type Sink, type SinkSession } from '../../core/sink.js'

/** One of the sinks behind a `route` or a `fanOut`, open. */
export interface Member {
  readonly name: string
  readonly sink: Sink<unknown>
  readonly session: SinkSession<unknown>
  /** What it has written, and how it holds it: a retry repeats only what has not succeeded. Forgotten with the records themselves. */
  readonly written: WeakMap<Envelope<unknown>, Held | null>
}

/** What of a batch is one member's: the records as the batch has them, their indexes there, and the rows that the member gets. */
export interface Share {
  readonly member: Member
  readonly given: readonly Envelope<unknown>[]
  readonly indexes: readonly number[]
  readonly rows: readonly Envelope<unknown>[]
}

/**
 * Writes what of a share the member has not written before, and remembers it. The member keeps no ledger.
 *
 * @returns Which records of the batch it refused; the others are durable or held.
 */
export async function writeShare({ member, given, indexes, rows }: Share, signal: AbortSignal): Promise<ReadonlyMap<number, unknown>> {
  const left = [...given.keys()].filter(i => !member.written.has(given[i]!))
  const refused = new Map<number, unknown>()
  if (left.length === 0) return refused
  let held: Held | null = null
  try {
    held = (await member.session.write({ records: left.map(i => rows[i]!), failures: [], covers: [] }, signal)) ?? null
  } catch (error) {
    if (!(error instanceof BatchError)) throw error
    for (const [at, reason] of error.failed) refused.set(indexes[left[at] ?? -1] ?? -1, reason)
  }
  for (const i of left) if (!refused.has(indexes[i]!)) member.written.set(given[i]!, held)
  return refused
}

/** What the member holds of its share. */
export function holdsOf({ member, given }: Share): Set<Held> {
  const holds = new Set<Held>()
  for (const record of given) {
    const held = member.written.get(record)
    if (held) holds.add(held)
  }
  return holds
}

/** Writes the share of the member that keeps the ledger, with all covers. Indexes of refused records are those of the whole batch. */
export async function writeLast(share: Share, failures: readonly Failure[], covers: readonly Cover[], signal: AbortSignal): Promise<void> {
  const { member, indexes, rows } = share
  try {
    await member.session.write({ records: rows, failures, covers }, signal)
  } catch (error) {
    if (!(error instanceof BatchError)) throw error
    throw new BatchError(new Map([...error.failed].map(([at, reason]) => [indexes[at] ?? at, reason])))
  }
}
