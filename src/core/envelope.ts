import { MillraceError } from './errors.js'
import type { Flow } from './flow.js'
import type { RecordHeaders } from './headers.js'
import { type Origin, originText } from './position.js'
import { divide, eachRoot, type Part, sprout, unite } from './receipt.js'

const decoder = new TextDecoder()
const encoder = new TextEncoder()

/**
 * A record in flight: its value, where it came from, and the receipt by which the run learns that it is settled.
 *
 * Immutable; every copy made by `with` shares the receipt, so exactly one of them may go on. In code its variable is `record`.
 */
export class Envelope<out T> {
  private constructor(
    readonly value: T,
    private readonly part: Part,
  ) {}

  /** @internal */
  static of<T>(value: T, part: Part): Envelope<T> {
    return new Envelope(value, part)
  }

  /** @internal */
  static partOf(record: Envelope<unknown>): Part {
    return record.part
  }

  get origin(): Origin {
    return this.part.origin
  }

  /** The size of the record as read; of a join the sum of its members. */
  get bytes(): number {
    let sum = 0
    eachRoot(this.part, root => {
      sum += root.bytes
    })
    return sum
  }

  /** Milliseconds since 1970; of a join the largest of its members. */
  get timestamp(): number {
    let latest = this.part.root.timestamp
    if (this.part.others !== null) for (const root of this.part.others) latest = Math.max(latest, root.timestamp)
    return latest
  }

  /** The key as text; `keyBytes` holds it untouched. */
  get key(): string | null {
    const { key } = this.part.root.incoming
    return key === undefined || key === null ? null : typeof key === 'string' ? key : decoder.decode(key)
  }

  get keyBytes(): Uint8Array | null {
    const { key } = this.part.root.incoming
    return key === undefined || key === null ? null : typeof key === 'string' ? encoder.encode(key) : key
  }

  get headers(): RecordHeaders {
    return this.part.root.headers
  }

  /** The run's: the same object that `steps` gets. */
  get flow(): Flow {
    return this.part.root.receiver.flow
  }

  /** The same record with another value. */
  with<U>(value: U): Envelope<U> {
    return new Envelope(value, this.part)
  }

  /**
   * Makes this record many. It settles when all of them have; an empty list skips it.
   *
   * The children are known by their index, so the same record must always give the same list. On a replay only the wanted child comes back.
   */
  split<U>(values: readonly U[]): Envelope<U>[] {
    this.mustBeOpen()
    if (values.length === 0) {
      this.skip('split into nothing')
      return []
    }
    const children: Envelope<U>[] = []
    const parts = divide(this.part, values.length)
    for (let i = 0; i < parts.length; i++) {
      const part = parts[i]!
      if (part !== null) children.push(new Envelope(values[i]!, part))
    }
    if (children.length === 0) this.failWantedMissing(values.length)
    return children
  }

  /**
   * Makes this record many, over time. It settles when `close` was called and all children have.
   *
   * @throws {MillraceError} `MILL_EXPAND_NEEDS_OVERWRITE` where the sink keeps a ledger and does not overwrite: children of one record would come
   * apart over transactions.
   */
  expand<U>(): { add(value: U): Envelope<U> | null; close(): void; fail(error: unknown, stage: string): void } {
    this.mustBeOpen()
    const { part } = this
    const { receiver, wanted } = part.root
    receiver.expands(part)
    eachRoot(part, root => {
      root.ownDetails.expanded = true
    })
    let given = 0
    let made = 0
    return {
      add(value) {
        if (part.state !== 'open') throw new MillraceError('MILL_RECORD_EMITTED_TWICE', { origin: originText(part.origin) })
        const child = sprout(part, given++)
        if (child === null) return null
        made++
        return new Envelope(value, child)
      },
      close: () => {
        if (part.state !== 'open') return
        if (made === 0 && wanted !== '' && given > 0) this.failWantedMissing(given)
        else receiver.skipped(part, made === 0 ? 'split into nothing' : EXPANDED)
      },
      fail: (error, stage) => this.fail(error, stage),
    }
  }

  /** Lets the record go without a row. Its position is covered and committed like any other. */
  skip(reason: string): void {
    if (this.part.state === 'open') this.part.root.receiver.skipped(this.part, reason)
  }

  /** Gives the record up: the run's failure policy decides between quarantine and halt. */
  fail(error: unknown, stage: string): void {
    if (this.part.state === 'open') this.part.root.receiver.failed(this.part, error, stage)
  }

  private mustBeOpen(): void {
    if (this.part.state !== 'open') throw new MillraceError('MILL_RECORD_EMITTED_TWICE', { origin: originText(this.part.origin) })
  }

  private failWantedMissing(parts: number): void {
    const error = new MillraceError('MILL_PART_MISSING', { origin: originText(this.part.origin), wanted: this.part.root.wanted, parts })
    this.fail(error, 'split')
  }
}

/** The reason under which a part that was expanded settles for itself; no record is counted for it. */
export const EXPANDED = '\0expanded'

/**
 * Makes several records one, which settles for all of them: origin, key and headers of the first, part `join`, bytes the sum, the largest timestamp.
 *
 * @throws {MillraceError} `MILL_JOIN_EMPTY` without a member; `MILL_RECORD_EMITTED_TWICE` where a member has settled before.
 */
export function join<U>(members: readonly Envelope<unknown>[], value: U): Envelope<U> {
  if (members.length === 0) throw new MillraceError('MILL_JOIN_EMPTY', {})
  const parts = members.map(Envelope.partOf)
  for (const [i, part] of parts.entries()) {
    if (part.state !== 'open' || parts.indexOf(part) !== i) {
      throw new MillraceError('MILL_RECORD_EMITTED_TWICE', { origin: originText(part.origin) })
    }
  }
  return Envelope.of(value, unite(parts))
}
