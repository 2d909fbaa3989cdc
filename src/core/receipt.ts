import type { RunFlow } from './flow.js'
import { RecordHeaders } from './headers.js'
import type { Origin } from './position.js'
import type { Failure } from './quarantine.js'
import type { Incoming } from './source.js'

/** What a receipt tells the run. The run counts, batches, quarantines and commits; a receipt only knows who is still open. */
export interface Receiver {
  readonly flow: RunFlow
  /** The part left the steps without a row. */
  skipped(part: Part, reason: string): void
  failed(part: Part, error: unknown, stage: string): void
  /** The parts in flight grew by this many (negative: shrank). */
  grew(parts: number): void
  /** A part becomes many over time. Throws where the sink cannot bear that. */
  expands(part: Part): void
}

/** How a part ended. A record's outcome is the worst of its parts. */
export type Outcome = 'delivered' | 'skipped' | 'quarantined'

/** What a receipt's owner keeps of its partition; the runtime's trackers are it. */
export interface PartitionBooks {
  /** Another owner has the partition: what comes of it now is dropped. */
  readonly isRevoked: boolean
}

/**
 * Where a part stands: `open` in the steps, `left` them (it arrived at the writer, was skipped or failed), `held` by the sink on its own disk,
 * `settled` (or it became other parts).
 */
export type PartState = 'open' | 'left' | 'held' | 'settled'

/** The smallest thing that settles: a record, or one child of a split, or what several were joined to. */
export abstract class Part {
  state: PartState = 'open'
  /** The record that it is, or came from; of a join that of its first member. */
  abstract readonly root: Root
  /** `''`, `'3'`, `'3.0'`, `'join'`. */
  abstract readonly path: string
  /** Of a join: the records of the other members, without `root`. */
  abstract readonly others: readonly Root[] | null
  /** Of a join: its members, so that each can be quarantined for itself. */
  abstract readonly members: readonly Part[] | null
  abstract readonly origin: Origin
}

/** A child of a split, or what several parts were joined to. */
class Child extends Part {
  private cachedOrigin: Origin | null = null

  constructor(
    readonly root: Root,
    readonly path: string,
    readonly others: readonly Root[] | null,
    readonly members: readonly Part[] | null,
  ) {
    super()
  }

  get origin(): Origin {
    this.cachedOrigin ??= originOf(this.root, this.path)
    return this.cachedOrigin
  }
}

/** What the records of one partition share that came at one moment: one object, for what each record holds is what a run costs. */
export class Arrival {
  /** Its unsettled records, oldest first: the window's list. */
  oldest: Root | null = null
  newest: Root | null = null
  /** Whether the window knows it. */
  isListed = false

  constructor(
    readonly receiver: Receiver,
    /** The runtime's own books of the partition. */
    readonly tracker: PartitionBooks,
    readonly source: string,
    readonly partition: string,
    /** When the run received them, by its clock. */
    readonly receivedAt: number,
  ) {}
}

/** What few records have, kept apart so that the others do without. */
class Details {
  origin: Origin | null = null
  headers: RecordHeaders | null = null
  /** Whether any part was expanded over time: its children are then written as they come. */
  expanded = false
  /** The records that must be settled by one write because a join tied them; null while it is alone. */
  tie: Tie | null = null
  /** Parts that a sink holds on its own disk: these have left the window, the record itself when all that are unsettled have. */
  held = 0
  isHeld = false
  /** Whether its bytes were counted in a batch: children of a split share them. */
  isWeighed = false
  /** What failed of it, kept only for sources that are told. */
  failures: Failure[] | null = null
}

const NO_DETAILS: Readonly<Details> = new Details()

/** One position of a source, with all its parts. */
export class Root extends Part {
  /** Parts still in the steps. */
  open = 1
  /** Parts that are not settled. */
  unsettled = 1
  /** The worst that happened to a settled part. */
  outcome: Outcome = 'skipped'
  /** Neighbours among the unsettled of its arrival, oldest first. */
  older: Root | null = null
  newer: Root | null = null
  private changed: Details | null = null

  constructor(
    readonly arrival: Arrival,
    readonly incoming: Incoming<unknown>,
    readonly bytes: number,
  ) {
    super()
  }

  // Not fields: a record has the same in all of these, or has them from its arrival. They made half of its size (bench engine.sync).
  get root(): Root {
    return this
  }
  get path(): string {
    return ''
  }
  get others(): null {
    return null
  }
  get members(): null {
    return null
  }
  get receiver(): Receiver {
    return this.arrival.receiver
  }
  get tracker(): PartitionBooks {
    return this.arrival.tracker
  }
  get source(): string {
    return this.arrival.source
  }
  get partition(): string {
    return this.arrival.partition
  }
  get receivedAt(): number {
    return this.arrival.receivedAt
  }

  get origin(): Origin {
    const { ownDetails } = this
    ownDetails.origin ??= originOf(this, '')
    return ownDetails.origin
  }
  /** Milliseconds since 1970. */
  get timestamp(): number {
    return this.incoming.timestamp ?? this.arrival.receivedAt
  }
  /** Replays only: the one part that is wanted. */
  get wanted(): string {
    return this.incoming.origin?.part ?? ''
  }

  get headers(): RecordHeaders {
    const { ownDetails } = this
    ownDetails.headers ??= RecordHeaders.from(this.incoming.headers)
    return ownDetails.headers
  }

  /** To read. */
  get details(): Readonly<Details> {
    return this.changed ?? NO_DETAILS
  }
  /** To change. */
  get ownDetails(): Details {
    this.changed ??= new Details()
    return this.changed
  }
}

function originOf({ incoming, source, partition }: Root, part: string): Origin {
  const { origin } = incoming
  return origin
    ? { source: origin.source, partition: origin.partition, position: origin.position, part }
    : { source, partition, position: incoming.position, part }
}

/** Records tied by joins: with a ledger they are written together. */
export class Tie {
  constructor(
    readonly roots: Set<Root>,
    /** How many of them still have parts in the steps. */
    openRoots: number,
  ) {
    this.openRoots = openRoots
  }
  openRoots: number
}

/** Calls `fn` for each record that the part belongs to. */
export function eachRoot(part: Part, fn: (root: Root) => void): void {
  fn(part.root)
  if (part.others !== null) for (const root of part.others) fn(root)
}

/** The part leaves the steps: nothing else may be done with it. */
export function leave(part: Part): void {
  part.state = 'left'
}

/** After `leave`: its record no longer waits for it. Apart from `leave`, because a failure counts only once quarantine holds it. */
export function close(part: Part): void {
  closeOne(part.root)
  if (part.others !== null) for (const root of part.others) closeOne(root)
}

function closeOne(root: Root): void {
  if (--root.open > 0) return
  const { tie } = root.details
  if (tie !== null) tie.openRoots--
}

/** Whether all parts of the record, and of those tied to it, have left the steps. */
export function isWhole(root: Root): boolean {
  const { tie } = root.details
  return tie === null ? root.open === 0 : tie.openRoots === 0
}

/** The part is settled: calls `onSettled` for each record of which it was the last. Once settled, nothing more happens. */
export function settle(part: Part, outcome: Outcome, onSettled: (root: Root) => void): void {
  if (part.state === 'settled') return
  part.state = 'settled'
  settleOne(part.root, outcome, onSettled)
  if (part.others !== null) for (const root of part.others) settleOne(root, outcome, onSettled)
}

function settleOne(root: Root, outcome: Outcome, onSettled: (root: Root) => void): void {
  if (outcome === 'quarantined' || root.outcome === 'skipped') root.outcome = outcome
  if (--root.unsettled === 0) onSettled(root)
}

/**
 * The part becomes children, which settle in its place. The same count gives the same paths, also after a restart.
 * On a replay only the wanted child, or the one that leads to it, is made; the others have index null.
 */
export function divide(part: Part, count: number): (Part | null)[] {
  const { wanted } = part.root
  const children: (Part | null)[] = []
  let made = 0
  for (let i = 0; i < count; i++) {
    const path = part.path === '' ? `${i}` : `${part.path}.${i}`
    const isMade = isWanted(path, wanted)
    children.push(isMade ? new Child(part.root, path, part.others, part.members) : null)
    if (isMade) made++
  }
  if (made > 0) {
    part.state = 'settled'
    eachRoot(part, root => {
      root.open += made - 1
      root.unsettled += made - 1
    })
    if (made > 1) part.root.receiver.grew(made - 1)
  }
  return children
}

/** One more child of a part that is expanded over time. Null on a replay that wants another. */
export function sprout(part: Part, index: number): Part | null {
  const path = part.path === '' ? `${index}` : `${part.path}.${index}`
  if (!isWanted(path, part.root.wanted)) return null
  eachRoot(part, root => {
    root.open++
    root.unsettled++
  })
  part.root.receiver.grew(1)
  return new Child(part.root, path, part.others, part.members)
}

/** Whether a replay wants this child: it is the wanted part, leads to it, or comes from it. */
function isWanted(path: string, wanted: string): boolean {
  if (wanted === '' || wanted === path) return true
  // A join is made of members that were quarantined each for itself: what becomes of it is wanted whole.
  return path.startsWith('join') || wanted.startsWith(`${path}.`) || path.startsWith(`${wanted}.`)
}

/** Several parts become one, which settles for all of them. Their records are tied: a ledger covers them together. */
export function unite(parts: readonly Part[]): Part {
  const roots = new Set<Root>()
  for (const part of parts) {
    part.state = 'settled'
    part.root.receiver.grew(-1)
    eachRoot(part, root => {
      roots.add(root)
      root.open--
      root.unsettled--
    })
  }
  const [first, ...others] = roots
  for (const root of roots) {
    root.open++
    root.unsettled++
  }
  if (others.length > 0) tie(roots)
  first!.receiver.grew(1)
  return new Child(first!, 'join', others, parts)
}

function tie(roots: Set<Root>): void {
  const all = new Set<Root>()
  for (const root of roots) {
    const { tie } = root.details
    if (tie === null) all.add(root)
    else for (const tied of tie.roots) all.add(tied)
  }
  let openRoots = 0
  for (const root of all) if (root.open > 0) openRoots++
  const tied = new Tie(all, openRoots)
  for (const root of all) root.ownDetails.tie = tied
}
