import { MillraceError } from '../core/errors.js'
import type { SinkSession } from '../core/sink.js'
import type { Identity } from '../core/source.js'
import type { Committer } from './committer.js'
import type { FlowControl } from './flow-control.js'
import { persist } from './persist.js'
import { PrefixTracker, SingleTracker, type Tracker } from './tracker.js'

/** What the partitions ask of their reader. */
export interface PartitionsHost {
  readonly flow: FlowControl
  readonly isReplay: boolean
  /** How a partition is taken over in the sink's ledger; undefined where it keeps none. */
  takeOver(): NonNullable<SinkSession<unknown>['takeOver']> | undefined
  /** Undefined while the source is being opened. */
  committer(): Committer | undefined
  changed(): void
  /** A drain begins, or one has ended. */
  drain(): void
  drained(): void
}

/** A partition on its way into the books. */
interface TakeOver {
  readonly tracker: Promise<Tracker>
  /** Revoked when the partition is given up meanwhile. */
  readonly books: { isRevoked: boolean }
}

/** The partitions of one source: takes them over, keeps their books, drains them and gives them up. */
export class Partitions {
  readonly trackers = new Map<string, Tracker>()
  /** Whether one was ever given up: only then need batches be searched for what is not ours any more. */
  hasRevoked = false
  private readonly drains: { readonly trackers: readonly Tracker[]; resolve(): void }[] = []
  private readonly takingOver = new Map<string, TakeOver>()
  /** Given up since `beginRead`: what the batch in hand holds of them is dropped. */
  private readonly givenUp = new Set<string>()

  constructor(
    /** Of the source. */
    private readonly name: string,
    private readonly commits: 'prefix' | 'single',
    private readonly host: PartitionsHost,
  ) {}

  /** A batch was read. */
  beginRead(): void {
    this.givenUp.clear()
  }

  isGivenUp(partition: string): boolean {
    return this.givenUp.size > 0 && this.givenUp.has(partition)
  }

  /** Whether the source waits for partitions to be written and committed. */
  get isDraining(): boolean {
    return this.drains.length > 0
  }

  /** Which partition was taken over under these names and this epoch, if it is still ours. */
  ownedAs(source: string, partition: string, epoch: bigint): string | undefined {
    for (const [name, tracker] of this.trackers)
      if (tracker.source === source && tracker.partition === partition && tracker.epoch === epoch) return name
    return undefined
  }

  /** The source has the partition from now on. Resolves with where reading goes on. */
  async assigned(partition: string, identity?: Identity): Promise<{ readonly from?: number }> {
    this.revoke([partition])
    const tracker = await this.takeOver(partition, identity)
    const from = tracker instanceof PrefixTracker ? tracker.from : undefined
    return from === undefined ? {} : { from }
  }

  /** Its books, once the ledger says what is covered. */
  takeOver(partition: string, identity?: Identity): Promise<Tracker> {
    const before = this.takingOver.get(partition)
    if (before !== undefined && !before.books.isRevoked) return before.tracker
    const books = { isRevoked: false }
    const tracker = this.newTracker(partition, identity, books, before).finally(() => {
      if (this.takingOver.get(partition)?.books === books) this.takingOver.delete(partition)
    })
    this.takingOver.set(partition, { books, tracker })
    return tracker
  }

  private async newTracker(
    partition: string,
    identity: Identity | undefined,
    books: TakeOver['books'],
    before?: TakeOver,
  ): Promise<Tracker> {
    // One after the other: of two at once the sink might take the older for the later owner.
    if (before !== undefined) await before.tracker.catch(() => {})
    const { flow, isReplay } = this.host
    const takeOver = this.host.takeOver()
    const isPrefix = this.commits === 'prefix'
    const owned = isReplay ? { source: 'quarantine', partition: this.name } : { source: this.name, partition }
    let tracker: Tracker
    if (takeOver === undefined)
      tracker = isPrefix ? new PrefixTracker(owned.source, owned.partition) : new SingleTracker(owned.source, owned.partition, 0n)
    else {
      const { epoch, covered, mark } = await persist(() => takeOver(owned.source, owned.partition, identity?.mark ?? null), {
        clock: flow.clock,
        signal: flow.signal,
        onWait: error => flow.waits(error),
        onResume: () => flow.resumed(),
      })
      tracker = isPrefix
        ? new PrefixTracker(owned.source, owned.partition, epoch, covered)
        : new SingleTracker(owned.source, owned.partition, epoch)
      if (!books.isRevoked && identity !== undefined && mark !== null && covered.length > 0 && !identity.matches(mark))
        throw ahead(tracker as PrefixTracker, mark, identity)
    }
    tracker.isRevoked = books.isRevoked
    if (tracker.isRevoked) return tracker
    this.trackers.set(partition, tracker)
    this.host.committer()?.mark(tracker)
    return tracker
  }

  /** There is nothing to read before `next`. */
  advanced(partition: string, next: number): void {
    const tracker = this.trackers.get(partition)
    if (!(tracker instanceof PrefixTracker)) return
    tracker.skipTo(next)
    this.host.committer()?.mark(tracker)
    this.host.changed()
  }

  revoke(partitions: readonly string[]): void {
    for (const partition of partitions) {
      this.givenUp.add(partition)
      const taking = this.takingOver.get(partition)
      if (taking !== undefined) taking.books.isRevoked = true
      const tracker = this.trackers.get(partition)
      if (tracker === undefined) continue
      tracker.isRevoked = true
      this.hasRevoked = true
      this.trackers.delete(partition)
    }
    this.resolveDrains()
  }

  /** Resolves when these are settled and committed, or the signal aborted. */
  draining(partitions: readonly string[], signal: AbortSignal): Promise<void> {
    const trackers = partitions.map(partition => this.trackers.get(partition)).filter(tracker => tracker !== undefined)
    return new Promise(resolve => {
      const drain = {
        trackers,
        resolve: () => {
          signal.removeEventListener('abort', drain.resolve)
          const at = this.drains.indexOf(drain)
          if (at >= 0) this.drains.splice(at, 1)
          this.host.drained()
          resolve()
        },
      }
      if (signal.aborted) return resolve()
      signal.addEventListener('abort', drain.resolve, { once: true })
      this.drains.push(drain)
      this.host.drain()
      this.resolveDrains()
    })
  }

  /** A drain is over when its partitions are settled and nothing is left to commit. */
  resolveDrains(): void {
    if (this.drains.length === 0) return
    for (const drain of [...this.drains]) {
      if (
        drain.trackers.every(tracker => tracker.isRevoked || (tracker.unsettled === 0 && this.host.committer()?.isTold(tracker) === true))
      )
        drain.resolve()
    }
  }
}

function ahead({ source, partition, coveredText: covered }: PrefixTracker, mark: string, identity: Identity): Error {
  if (identity.mismatch !== undefined) return identity.mismatch(mark)
  return new MillraceError('MILL_LEDGER_AHEAD', {
    source,
    partition,
    covered,
    found: `its content is another now (it was ${mark}, it is ${identity.mark})`,
  })
}
