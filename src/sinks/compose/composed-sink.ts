import type { Envelope } from '../../core/envelope.js'
import { MillraceError } from '../../core/errors.js'
import { shown } from '../../core/options.js'
import { type Batch, BatchError, type BatchLimits, type Held, type Sink, type SinkContext, type SinkSession } from '../../core/sink.js'
import { holdsOf, type Member, type Share, writeLast, writeShare } from './member.js'

/** How records are shared out among the members. */
export interface Sharing {
  /** Names the rows of one record: pairs of a member's name and the row that it gets; undefined where the record fits no member. */
  readonly rowsOf: (value: unknown, names: readonly string[]) => readonly (readonly [name: string, row: unknown])[] | undefined
  /** Whether two members may get rows of one record. */
  readonly isManyfold: boolean
}

/** Sinks by the names under which records are addressed to them. */
export type SinksByName = Readonly<Record<string, Sink<never>>>

/**
 * Several sinks as one. At most one of them keeps a ledger: it is written last, with all covers, after the others are durable and what they hold
 * is settled. So a kill in between repeats the others' rows, and never loses one.
 *
 * @throws {MillraceError} `MILL_OPTION_INVALID` without a sink, with something that is no sink, or with two ledgers.
 */
export function composedSink(kind: string, sinks: SinksByName, sharing: Sharing): Sink<unknown> {
  const members = checked(kind, sinks)
  const keeper = members.find(([, sink]) => sink.ledger)?.[1]
  const lane = laneOf(members, sharing)
  const writes = members.map(([, { maxConcurrentWrites = 1 }]) => maxConcurrentWrites)
  return {
    name: `${kind}(${members.map(([name]) => name).join(', ')})`,
    batch: narrowest(members),
    // Lanes of several members cannot be kept at once by writing by one of them.
    maxConcurrentWrites: sharing.isManyfold && lane !== undefined ? 1 : Math.min(...writes),
    ledger: keeper !== undefined,
    overwrites: members.every(([, { overwrites }]) => overwrites === true),
    ...(keeper?.scope !== undefined && { scope: keeper.scope }),
    ...(lane !== undefined && { lane }),
    open: context => open(members, sharing, context),
    ...(keeper?.ledgerBooks !== undefined && { ledgerBooks: keeper.ledgerBooks }),
    describe: () => members.flatMap(([name, sink]) => describeMember(name, sink)),
    async *inspect(context) {
      for (const [, sink] of members) if (sink.inspect !== undefined) yield* sink.inspect(context)
    },
  }
}

function describeMember(name: string, sink: Sink<unknown>): readonly string[] {
  const lines = sink.describe?.() ?? [sink.name]
  return lines.map(line => (line.startsWith('guarantees: ') ? line : `${name}: ${line}`))
}

type Named = readonly [name: string, sink: Sink<unknown>]

async function open(sinks: readonly Named[], sharing: Sharing, context: SinkContext): Promise<SinkSession<unknown>> {
  const members: Member[] = []
  try {
    for (const [name, sink] of sinks) members.push({ name, sink, session: await sink.open(context), written: new WeakMap() })
  } catch (error) {
    for (const { session } of members) await session.close?.()
    throw error
  }
  return new ComposedSession(members, sharing)
}

class ComposedSession implements SinkSession<unknown> {
  readonly takeOver: NonNullable<SinkSession<unknown>['takeOver']>
  private readonly names: readonly string[]
  private readonly keeper: Member | undefined

  constructor(
    private readonly members: readonly Member[],
    private readonly sharing: Sharing,
  ) {
    this.names = members.map(({ name }) => name)
    this.keeper = members.find(({ sink }) => sink.ledger)
    this.takeOver = (...args) => this.keeper!.session.takeOver!(...args)
  }

  check(record: Envelope<unknown>): unknown {
    const rows = this.sharing.rowsOf(record.value, this.names)
    if (rows === undefined) return new MillraceError('MILL_ROUTE_UNKNOWN', { value: shown(record.value), names: this.names })
    for (const [name, row] of rows) {
      const { check } = this.members.find(member => member.name === name)!.session
      const refused = check?.(record.with(row))
      if (refused !== undefined) return refused
    }
    return undefined
  }

  async write({ records, failures, covers }: Batch<unknown>, signal: AbortSignal): Promise<Held | void> {
    const shares = this.share(records)
    const refused = new Map<number, unknown>()
    const others = shares.filter(({ member }) => member !== this.keeper)
    for (const share of others) for (const [at, reason] of await writeShare(share, signal)) refused.set(at, reason)
    const holds = others.flatMap(share => [...holdsOf(share)])
    if (refused.size > 0) {
      // Before the ledger: what was refused goes to quarantine first, and the rest comes again without it. Without one, the rest must be durable.
      if (this.keeper === undefined) await this.sealed(holds)
      throw new BatchError(refused)
    }
    if (this.keeper === undefined) return holds.length === 0 ? undefined : { settled: allSettled(holds) }
    await this.sealed(holds)
    await writeLast(shares.find(({ member }) => member === this.keeper)!, failures, covers, signal)
  }

  async flush(): Promise<void> {
    for (const { session } of this.members) await session.flush?.()
  }

  async close(): Promise<void> {
    for (const { session } of this.members) await session.close?.()
  }

  private async sealed(holds: readonly Held[]): Promise<void> {
    if (holds.length === 0) return
    await this.flush()
    await allSettled(holds)
  }

  private share(records: readonly Envelope<unknown>[]): Share[] {
    const shares = new Map(
      this.members.map(member => [
        member.name,
        { member, given: [] as Envelope<unknown>[], indexes: [] as number[], rows: [] as Envelope<unknown>[] },
      ]),
    )
    for (const [index, record] of records.entries()) {
      for (const [name, row] of this.sharing.rowsOf(record.value, this.names) ?? []) {
        const share = shares.get(name)!
        share.given.push(record)
        share.indexes.push(index)
        share.rows.push(record.with(row))
      }
    }
    return [...shares.values()]
  }
}

async function allSettled(holds: readonly Held[]): Promise<'delivered' | 'quarantined'> {
  const outcomes = await Promise.all(holds.map(({ settled }) => settled))
  return outcomes.includes('quarantined') ? 'quarantined' : 'delivered'
}

function checked(kind: string, sinks: SinksByName): readonly Named[] {
  const members = Object.entries((sinks ?? {}) as Readonly<Record<string, Sink<unknown>>>)
  const invalid = (option: string, expected: string, given: unknown): MillraceError =>
    new MillraceError('MILL_OPTION_INVALID', { where: kind, option, expected, given: shown(given) })
  if (members.length === 0) throw invalid('sinks', 'at least one sink by its name', sinks)
  for (const [name, sink] of members) if (typeof sink?.open !== 'function') throw invalid(name, 'a sink: { name, open }', sink)
  const keepers = members.filter(([, { ledger }]) => ledger).map(([name]) => name)
  if (keepers.length > 1) throw invalid('sinks', 'with one ledger at most', keepers.join(' and '))
  return members
}

function narrowest(members: readonly Named[]): Partial<BatchLimits> {
  const bounds: Partial<Record<keyof BatchLimits, number>> = {}
  for (const [, { batch }] of members) {
    for (const [bound, value] of Object.entries(batch ?? {}) as [keyof BatchLimits, number][])
      bounds[bound] = Math.min(bounds[bound] ?? value, value)
  }
  return bounds
}

/** The lanes of the members, each apart. A record without a lane of its own goes by its origin. */
function laneOf(members: readonly Named[], sharing: Sharing): Sink<unknown>['lane'] {
  if (members.every(([, { lane }]) => lane === undefined)) return undefined
  const names = members.map(([name]) => name)
  const lanes = new Map(members.map(([name, { lane }]) => [name, lane]))
  return record => {
    const [name, row] = sharing.rowsOf(record.value, names)?.[0] ?? ['', null]
    const { partition, position, part } = record.origin
    return `${name} ${lanes.get(name)?.(record.with(row)) ?? `${partition}@${position}#${part}`}`
  }
}
