import { Observable, type Subscriber } from 'rxjs'
import { exponentialBackoff } from '../core/backoff.js'
import { delay } from '../core/clock.js'
import { Envelope } from '../core/envelope.js'
import { MillraceError } from '../core/errors.js'
import type { Origin } from '../core/position.js'
import { Arrival, type Receiver, Root } from '../core/receipt.js'
import { isRetryable } from '../core/retryable.js'
import type { SinkSession } from '../core/sink.js'
import type { Identity, Incoming, Source, SourceContext, SourceSession } from '../core/source.js'
import { Committer } from './committer.js'
import type { FlowControl } from './flow-control.js'
import { persist } from './persist.js'
import { PrefixTracker, SingleTracker, type Tracker } from './tracker.js'
import type { Window } from './window.js'

/** What a reader asks of the run. */
export interface ReaderHost {
  readonly pipeline: string
  readonly flow: FlowControl
  /** Aborted when nothing more is to be read: stop, abort or failure. */
  readonly reading: AbortSignal
  readonly ledger: boolean
  /** The source is a quarantine: see `RunPlan.isReplay`. */
  readonly isReplay: boolean
  readonly maxRecordBytes: number
  /** Records of one read at most, so that one read does not hold the event loop for long. */
  readonly maxReadRecords: number
  /** How partitions are taken over in the sink's ledger; undefined where it keeps none. */
  takeOver(): NonNullable<SinkSession<unknown>['takeOver']> | undefined
  pushed(): void
  /** The reader waits, for its source or for room. */
  becameQuiet(): void
  changed(): void
  /** A drain begins: what is held anywhere is to be written now, and until it ends nothing waits for a timer. */
  drain(): void
  drained(): void
  fail(error: unknown): void
}

type Session = SourceSession<unknown, unknown>

/** A partition on its way into the books. */
interface TakeOver {
  readonly tracker: Promise<Tracker>
  /** Revoked when the partition is given up meanwhile. */
  readonly books: { isRevoked: boolean }
}

/** Reads one source into the steps, as far as its share of the window allows, and keeps the books of its partitions. */
export class Reader {
  readonly trackers = new Map<string, Tracker>()
  readonly stream: Observable<Envelope<unknown>>
  /** Waits for the source, or for room in the window. */
  isQuiet = false
  isBlocked = false
  isDone = false
  /** Whether a partition was ever given up: only then need batches be searched for what is not ours any more. */
  hasRevoked = false
  /** What is being pushed through the steps, and how far. */
  private pushing: readonly Incoming<unknown>[] = []
  private at = -1
  committer!: Committer
  receiver!: Receiver
  private session!: Session
  private isClosed = false
  private readonly subscribers: Subscriber<Envelope<unknown>>[] = []
  private readonly drains: { readonly trackers: readonly Tracker[]; resolve(): void }[] = []
  private readonly takingOver = new Map<string, TakeOver>()
  /** Partitions given up since the batch in hand was read: what it holds of them is dropped. */
  private readonly givenUp = new Set<string>()

  constructor(
    readonly name: string,
    private readonly source: Source<unknown>,
    readonly window: Window,
    private readonly host: ReaderHost,
  ) {
    this.stream = new Observable(subscriber => {
      this.subscribers.push(subscriber)
      return () => {
        this.subscribers.splice(this.subscribers.indexOf(subscriber), 1)
      }
    })
  }

  async open(log: SourceContext['log']): Promise<void> {
    const { host } = this
    this.session = (await this.source.open({
      log,
      pipeline: host.pipeline,
      source: this.name,
      ledger: host.ledger,
      maxRecordBytes: host.maxRecordBytes,
      assigned: (partition, identity) => this.assigned(partition, identity),
      advanced: (partition, next) => this.advanced(partition, next),
      draining: (partitions, signal) => this.draining(partitions, signal),
      revoked: partitions => this.revoked(partitions),
    })) as Session
    const { clock, signal } = host.flow
    this.committer = new Committer(
      this.session,
      { clock, signal, onWait: error => host.flow.waits(error), onResume: () => host.flow.resumed() },
      cause => host.fail(this.failed('commit', cause)),
      () => this.resolveDrains(),
      () => this.host.changed(),
    )
    // A run that was killed between its last write and its commit left the source behind the ledger: it is told at once.
    for (const tracker of this.trackers.values()) this.committer.mark(tracker)
  }

  /** Reads until the source is exhausted or reading ends; then the stream completes. Never rejects. */
  async read(): Promise<void> {
    const { host, window } = this
    try {
      while (!host.reading.aborted) {
        if (window.isFull) await this.untilRoom()
        if (host.reading.aborted) break
        const batch = await this.readOnce()
        if (batch === null) break
        await this.push(batch)
      }
    } catch (error) {
      if (!host.reading.aborted) host.fail(error)
    }
    host.flow.isPushing = false
    this.isDone = true
    this.isQuiet = true
    for (const subscriber of [...this.subscribers]) subscriber.complete()
    host.becameQuiet()
  }

  /** A record of this reader is settled. */
  settled(root: Root): void {
    const tracker = root.tracker as Tracker
    const { failures, isHeld } = root.details
    tracker.settled(root.incoming, root.outcome, failures)
    if (!isHeld) this.window.remove(root)
    if (!tracker.isRevoked) this.committer.mark(tracker)
  }

  /** A write under this epoch was refused: another owner has the partition, if it is one of this reader. */
  fenced(source: string, fenced: string, epoch: bigint): void {
    const [partition] =
      [...this.trackers].find(([, tracker]) => tracker.source === source && tracker.partition === fenced && tracker.epoch === epoch) ?? []
    // Given back and taken over anew while the write was under way: then it was this reader that fenced it.
    if (partition === undefined) return
    this.revoked([partition])
    if (this.session.fenced === undefined) this.host.fail(new MillraceError('MILL_PARTITION_FENCED', { source: this.name, partition }))
    else this.session.fenced(partition)
  }

  /** Where the record came from that is being pushed through the steps: named when a plain operator throws. */
  get current(): Origin | null {
    const incoming = this.pushing[this.at]
    if (incoming === undefined) return null
    return incoming.origin ?? { source: this.name, partition: incoming.partition ?? '0', position: incoming.position, part: '' }
  }

  get lag(): ReadonlyMap<string, number> {
    return this.session?.lag?.() ?? new Map()
  }

  get isOpen(): boolean {
    return this.session !== undefined
  }

  async close(): Promise<void> {
    if (this.isClosed) return
    this.isClosed = true
    await this.session?.close?.()
  }

  /** Whether the source waits for partitions to be written and committed. */
  get isDraining(): boolean {
    return this.drains.length > 0
  }

  private async untilRoom(): Promise<void> {
    this.isBlocked = true
    this.becomeQuiet()
    await orAborted(this.window.room() ?? Promise.resolve(), this.host.reading)
    this.isBlocked = false
    this.isQuiet = false
  }

  private async readOnce(): Promise<readonly Incoming<unknown>[] | null> {
    const { host, window } = this
    for (let backoff = exponentialBackoff(); ; backoff = backoff.next()) {
      const limit = {
        records: Math.max(1, Math.min(window.maxParts - window.parts, host.maxReadRecords)),
        bytes: Math.max(1, window.maxBytes - window.bytes),
      }
      // A source that answers within this turn of the event loop has more: its records may fill the batch. Only after that is it quiet.
      const turn = setImmediate(() => this.becomeQuiet())
      try {
        const batch = await orAborted(this.session.read(limit, host.reading), host.reading)
        return batch === undefined ? null : batch
      } catch (error) {
        if (host.reading.aborted) return null
        if (!isRetryable(error)) throw this.failed('read', error)
        host.flow.waits(error)
        await delay(host.flow.clock, backoff.delayMs, host.reading).catch(() => {})
        host.flow.resumed()
        if (host.reading.aborted) return null
      } finally {
        clearImmediate(turn)
        this.isQuiet = false
      }
    }
  }

  private becomeQuiet(): void {
    this.isQuiet = true
    this.host.becameQuiet()
  }

  private async push(batch: readonly Incoming<unknown>[]): Promise<void> {
    const { host, window } = this
    const now = host.flow.clock.now()
    let pushed = 0
    let tracker: Tracker | undefined
    this.givenUp.clear()
    this.pushing = batch
    // By index: within an async function each step of an iterator is an object.
    for (let i = 0; i < batch.length; i++) {
      const incoming = batch[i]!
      const partition = incoming.partition ?? '0'
      if (this.givenUp.size > 0 && this.givenUp.has(partition)) continue
      if (tracker === undefined || tracker.partition !== partition || tracker.isRevoked) tracker = this.trackers.get(partition)
      if (tracker === undefined) {
        host.flow.isPushing = false
        tracker = await this.takeOver(partition)
        if (host.flow.signal.aborted) return
        if (tracker.isRevoked) continue
      }
      host.flow.isPushing = true
      if (!tracker.open(incoming)) continue
      if (tracker.arrival?.receivedAt !== now) tracker.arrival = new Arrival(this.receiver, tracker, this.name, partition, now)
      const root = new Root(tracker.arrival, incoming, incoming.bytes ?? sizeOf(incoming.value))
      window.add(root)
      host.pushed()
      pushed++
      this.at = i
      this.give(root)
      this.at = -1
      if (host.flow.isAborted) break
    }
    host.flow.isPushing = false
    this.pushing = []
    host.changed()
    // All were delivered before: give the event loop a turn, or a long covered stretch would hold it.
    if (pushed === 0) await new Promise(resolve => setImmediate(resolve))
  }

  private give(root: Root): void {
    const { incoming, bytes } = root
    if (incoming.fault !== undefined) return this.receiver.failed(root, incoming.fault, 'read')
    const { maxRecordBytes, fail } = this.host
    if (bytes > maxRecordBytes) {
      return this.receiver.failed(root, new MillraceError('MILL_RECORD_TOO_LARGE', { bytes: `${bytes}`, maxRecordBytes }), 'read')
    }
    const { subscribers } = this
    if (subscribers.length === 0) return fail.call(this.host, new MillraceError('MILL_STEPS_ENDED', { pipeline: this.host.pipeline }))
    const record = Envelope.of(incoming.value, root)
    for (let i = 0; i < subscribers.length; i++) subscribers[i]!.next(record)
  }

  private async assigned(partition: string, identity?: Identity): Promise<{ readonly from?: number }> {
    this.revoked([partition])
    const tracker = await this.takeOver(partition, identity)
    const from = tracker instanceof PrefixTracker ? tracker.from : undefined
    return from === undefined ? {} : { from }
  }

  private takeOver(partition: string, identity?: Identity): Promise<Tracker> {
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
    const isPrefix = this.source.commits === 'prefix'
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
    this.committer?.mark(tracker)
    return tracker
  }

  private advanced(partition: string, next: number): void {
    const tracker = this.trackers.get(partition)
    if (!(tracker instanceof PrefixTracker)) return
    tracker.skipTo(next)
    this.committer?.mark(tracker)
    this.host.changed()
  }

  private revoked(partitions: readonly string[]): void {
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

  private draining(partitions: readonly string[], signal: AbortSignal): Promise<void> {
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
      if (drain.trackers.every(tracker => tracker.isRevoked || (tracker.unsettled === 0 && this.committer.isTold(tracker)))) drain.resolve()
    }
  }

  private failed(doing: string, cause: unknown): unknown {
    return cause instanceof MillraceError ? cause : new MillraceError('MILL_SOURCE_FAILED', { source: this.name, doing }, { cause })
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

function sizeOf(value: unknown): number {
  if (value instanceof Uint8Array) return value.byteLength
  return typeof value === 'string' ? value.length : 0
}

/** The promise's value, or undefined as soon as the signal is aborted; a late rejection is swallowed. */
function orAborted<T>(promise: Promise<T>, signal: AbortSignal): Promise<T | undefined> {
  return new Promise((resolve, reject) => {
    if (signal.aborted) {
      promise.catch(() => {})
      return resolve(undefined)
    }
    const onAbort = () => resolve(undefined)
    signal.addEventListener('abort', onAbort, { once: true })
    promise.then(
      value => {
        signal.removeEventListener('abort', onAbort)
        resolve(value)
      },
      error => {
        signal.removeEventListener('abort', onAbort)
        reject(error)
      },
    )
  })
}
