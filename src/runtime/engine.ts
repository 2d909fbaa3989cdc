import type { Subscription } from 'rxjs'
import { Envelope } from '../core/envelope.js'
import { MillraceError } from '../core/errors.js'
import type { RunFlow } from '../core/flow.js'
import { shown } from '../core/options.js'
import { originText } from '../core/position.js'
import type { Failure, QuarantineSession } from '../core/quarantine.js'
import { eachRoot, type Outcome, type Part, type Receiver, type Root, settle } from '../core/receipt.js'
import type { BatchLimits, Held, SinkSession } from '../core/sink.js'
import { Exits } from './exits.js'
import { FailureBudget } from './failure-budget.js'
import type { FlowControl } from './flow-control.js'
import { Holds } from './holds.js'
import type { Limits } from './limits.js'
import type { RunObserver } from './observer.js'
import type { PendingBatch } from './pending-batch.js'
import { concurrentWrites, type RunPlan } from './plan.js'
import { Quarantining } from './quarantining.js'
import { Reader } from './reader.js'
import { Room } from './room.js'
import { StallWatch } from './stall-watch.js'
import type { Tally } from './tally.js'
import { PrefixTracker, type Tracker } from './tracker.js'
import { Window } from './window.js'
import { Writer } from './writer.js'

/** What the engine is made of. */
export interface EngineOptions {
  readonly plan: RunPlan
  readonly limits: Limits
  readonly batch: BatchLimits
  readonly flow: FlowControl
  readonly tally: Tally
  /** Aborted when nothing more is to be read. */
  readonly reading: AbortSignal
  readonly observer: RunObserver | undefined
  readonly fail: (error: unknown) => void
  /** Everything is settled and committed. */
  readonly done: () => void
}

/** Moves records: readers → steps → exits → writer → trackers → committers. Lives as long as the open sessions. */
export class Engine {
  readonly readers: Reader[]
  readonly holds: Holds
  /** For operators that make many of one. */
  readonly room: Room
  private sink!: SinkSession<unknown>
  private writer!: Writer
  private exits!: Exits
  private quarantining: Quarantining | null = null
  private subscription: Subscription | null = null
  private readonly stalls: StallWatch
  /** Parts in the steps. */
  private inSteps = 0
  /** Changes with everything that moves, so that a stall can be told. */
  private progress = 0
  private stepsEnded = false
  private areGapsCovered = false

  constructor(private readonly options: EngineOptions) {
    const { flow, limits } = options
    this.holds = new Holds({
      settled: (part, outcome, reason, failures) => this.settled(part, outcome, reason, failures),
      settledRanges: (tracker, { positions, records, parts }, outcome) => {
        if (outcome === 'delivered') options.tally.delivered += parts
        else options.tally.quarantine('held', parts)
        tracker.settledRanges(positions.toRanges(), records)
        if (!tracker.isRevoked) this.reader(tracker.source).committer.mark(tracker)
      },
      release: (root, parts) => this.reader(root.source).window.shrink(parts),
      releaseRoot: root => this.releaseRoot(root),
      changed: () => this.afterWrite(),
      fail: cause => options.fail(this.sinkFailed('hold', cause)),
    })
    this.stalls = new StallWatch(flow.clock, limits.stallMs, {
      progress: () => this.progress,
      isStuck: () => this.isStuck(),
      flush: () => flow.flushes.next(),
      fail: ms => options.fail(this.forgotten(ms)),
    })
    this.readers = this.makeReaders()
    const windows = this.readers.map(({ window }) => window)
    this.room = new Room(() => windows, options.batch.maxRecords)
  }

  /** Ties the opened sink and quarantine to the exits. Before this nothing may be read. */
  connect(sink: SinkSession<unknown>, quarantine: QuarantineSession | null): void {
    const { plan, limits, batch, flow } = this.options
    this.sink = sink
    const ledger = plan.sink.ledger === true
    if (ledger && sink.takeOver === undefined)
      throw new MillraceError('MILL_LEDGER_UNSUPPORTED', { sink: plan.sink.name, missing: 'takeOver' })
    const { clock, signal } = flow
    const waits = { clock, signal, waits: (reason: unknown) => flow.waits(reason), resumed: () => flow.resumed(), fail: this.options.fail }
    if (quarantine !== null && plan.onFailure !== 'halt') this.quarantining = new Quarantining(plan.onFailure.name, quarantine, waits)
    const settled = (part: Part, outcome: Outcome, reason: string | null, failures: readonly Failure[]) =>
      this.settled(part, outcome, reason, failures)
    const dropped = (part: Part) => this.dropped(part)
    this.writer = new Writer(
      sink,
      {
        pipeline: plan.name,
        sink: plan.sink.name,
        limits: batch,
        maxConcurrentWrites: concurrentWrites(plan.sink),
        ledger,
        lane: plan.sink.lane,
        observer: this.options.observer,
      },
      {
        ...waits,
        settled,
        dropped,
        afterWrite: () => this.afterWrite(),
        refused: (record, error) => this.exits.refused(record, error),
        fenced: (source, partition, epoch) => {
          for (const reader of this.readers) reader.fenced(source, partition, epoch)
        },
        held: (pending, held) => this.take(pending, held),
        hasRevoked: () => this.readers.some(({ partitions }) => partitions.hasRevoked),
        isFull: () => this.holds.records >= limits.maxHeldRecords,
        trackersWithGaps: () => this.trackersWithGaps(),
      },
    )
    this.exits = new Exits(
      this.writer,
      { ledger, failures: this.failureRoute(), check: sink.check?.bind(sink), budget: new FailureBudget(limits.stopAt, clock) },
      {
        settled,
        dropped,
        now: () => clock.now(),
        left: () => {
          this.inSteps--
          this.progress++
        },
        arrived: () => {
          if (this.inSteps === 0) this.changed()
        },
        changed: () => this.changed(),
        fail: this.options.fail,
        codecOf: source => plan.sources[source]?.codec as never,
      },
    )
  }

  /** Subscribes the steps, then reads: a synchronous source would else be over before anybody listens. */
  start(): void {
    const { plan, flow, fail } = this.options
    const streams = plan.isNamed ? Object.fromEntries(this.readers.map(({ name, stream }) => [name, stream])) : this.readers[0]!.stream
    this.subscription = plan.steps(streams as never, flow).subscribe({
      next: record => this.arrived(record),
      error: cause => fail(this.stepsFailed(cause)),
      complete: () => this.stepsCompleted(),
    })
    for (const reader of this.readers) void reader.read()
  }

  /** Gives and writes what is held anywhere, now; from now on nothing waits for a timer. */
  drain(): void {
    this.options.flow.flushes.next()
    this.writer.drain()
    this.changed()
  }

  /** The steps get and give nothing more. */
  cut(): void {
    this.stalls.stop()
    this.subscription?.unsubscribe()
  }

  /** Resolves when no write is under way. */
  async ended(): Promise<void> {
    this.cut()
    await this.writer?.ended()
  }

  /** The record that has waited longest. */
  get oldest(): Root | null {
    let oldest: Root | null = null
    for (const { window } of this.readers) {
      if (window.oldest !== null && (oldest === null || window.oldest.receivedAt < oldest.receivedAt)) oldest = window.oldest
    }
    return oldest
  }

  get inFlight(): number {
    return this.readers.reduce((sum, { window }) => sum + window.parts, 0)
  }

  get inFlightBytes(): number {
    return this.readers.reduce((sum, { window }) => sum + window.bytes, 0)
  }

  get holes(): number {
    let holes = 0
    for (const { partitions } of this.readers)
      for (const tracker of partitions.trackers.values()) if (tracker instanceof PrefixTracker) holes += tracker.holes
    return holes
  }

  // ---------- records on their way

  private arrived(record: unknown): void {
    // A throw here would reach nobody: RxJS reports what a subscriber throws as an uncaught exception.
    try {
      if (record instanceof Envelope) this.exits.arrived(record)
      else this.options.fail(new MillraceError('MILL_RECORD_NOT_AN_ENVELOPE', { given: shown(record) }))
    } catch (error) {
      this.options.fail(error)
    }
  }

  private settled(part: Part, outcome: Outcome, reason: string | null, failures: readonly Failure[]): void {
    if (part.state === 'settled') return
    const { tally } = this.options
    if (outcome === 'delivered') tally.delivered++
    else if (outcome === 'skipped') tally.skip(reason ?? '')
    else tally.quarantine(reason ?? '')
    if (failures.length > 0) keepFailuresOfAll(part, failures)
    this.leaveWindow(part)
    settle(part, outcome, this.onRootSettled)
  }

  /** The partition is another owner's: neither counted nor committed. */
  private dropped(part: Part): void {
    if (part.state === 'settled') return
    // A join with a record that is still ours: it could only settle without its row. The run ends, and both come again.
    const lost = lostOf(part)
    if (lost !== null) {
      const { source, partition } = lost.tracker as Tracker
      return this.options.fail(new MillraceError('MILL_PARTITION_FENCED', { source, partition }))
    }
    this.leaveWindow(part)
    settle(part, 'skipped', this.onRootSettled)
  }

  private leaveWindow(part: Part): void {
    if (part.state === 'held') return eachRoot(part, letGo)
    this.reader(part.root.source).window.shrink(1)
    if (part.root.details.held > 0 || part.others !== null) eachRoot(part, this.releaseWhereLast)
  }

  /** The other parts of the record are held, and this is its last in the window. */
  private readonly releaseWhereLast = (root: Root): void => {
    const { held, isHeld } = root.details
    if (held > 0 && !isHeld && root.open === 0 && held === root.unsettled - 1) this.releaseRoot(root)
  }

  private releaseRoot(root: Root): void {
    root.ownDetails.isHeld = true
    this.reader(root.source).window.remove(root)
  }

  private readonly onRootSettled = (root: Root): void => this.reader(root.source).settled(root)

  private afterWrite(): void {
    this.progress++
    this.sealWhereDue()
    this.writer.resume()
    for (const reader of this.readers) {
      reader.committer?.kick()
      reader.window.wake()
      reader.partitions.resolveDrains()
    }
    this.changed()
  }

  /** Something moved or came to rest: is the writer to go, is anybody stuck, is all done? */
  changed(): void {
    if (this.exits === undefined) return
    this.progress++
    // A synchronous pipeline comes here with every record; once a batch is enough.
    if (this.options.flow.isPushing) return
    const isEmpty = this.inSteps === 0 && (this.quarantining === null || this.quarantining.pending === 0)
    if ((isEmpty || this.isBlocked) && this.readers.every(({ isQuiet }) => isQuiet)) this.writer.flushIdle()
    this.settleWithoutWrite()
    if (this.room.isWanted) this.makeRoom()
    if (this.stepsEnded) this.finish(isEmpty)
    else this.stalls.check()
  }

  /** The window is full and no handler is at work: nothing comes to the writer before it writes, unless a collector gives what it holds. */
  private get isBlocked(): boolean {
    return this.options.flow.working === 0 && this.readers.some(({ isBlocked }) => isBlocked)
  }

  /** A sink took a batch onto its own disk. At its bound, or when somebody waits for all that is held, it is asked to seal. */
  private take(pending: PendingBatch, held: Held): void {
    this.holds.take(pending, held)
    this.sealWhereDue()
  }

  private sealWhereDue(): void {
    if (this.holds.records >= this.options.limits.maxHeldRecords || this.readers.some(({ partitions }) => partitions.isDraining))
      this.flushHeld()
  }

  private flushHeld(): void {
    if (this.holds.records > 0) this.holds.flush(async () => this.sink.flush?.())
  }

  private sinkFailed(doing: string, cause: unknown): unknown {
    return cause instanceof MillraceError
      ? cause
      : new MillraceError('MILL_SINK_FAILED', { sink: this.options.plan.sink.name, doing }, { cause })
  }

  /** What was skipped or quarantined without a write is committed, and makes room, too. */
  private settleWithoutWrite(): void {
    for (const { committer, window } of this.readers) {
      committer?.kick()
      window.wake()
    }
  }

  // ---------- the end

  private stepsCompleted(): void {
    this.stepsEnded = true
    const { plan, reading, fail } = this.options
    // The steps complete with their sources, within the last of them; steps that complete before would lose what is still to come.
    queueMicrotask(() => {
      if (!reading.aborted && this.readers.some(({ isDone }) => !isDone))
        fail(new MillraceError('MILL_STEPS_ENDED', { pipeline: plan.name }))
    })
    this.writer.drain()
    this.changed()
  }

  private finish(isEmpty: boolean): void {
    const { flow, plan, fail, done } = this.options
    if (this.readers.some(({ isDone }) => !isDone) || flow.working > 0) return
    if (!isEmpty) {
      if (this.inSteps > 0) fail(this.forgotten(0))
      return
    }
    if (!this.writer.isIdle) return
    if (this.holds.records > 0) return this.flushHeld()
    if (plan.sink.ledger && !this.areGapsCovered) {
      this.areGapsCovered = true
      if ([...this.trackersWithGaps()].length > 0) return this.writer.coverGaps()
    }
    if (this.readers.every(({ committer }) => committer === undefined || committer.isIdle)) done()
  }

  private forgotten(ms: number): MillraceError {
    const { oldest } = this
    return new MillraceError('MILL_RECORDS_FORGOTTEN', {
      records: this.inSteps,
      origin: oldest ? originText(oldest.origin) : 'unknown',
      ms,
    })
  }

  /** Operators wait that make many of one: for what is being written, or, where nothing is, for a grant. */
  private makeRoom(): void {
    this.room.wake()
    if (!this.room.isWanted || !this.isAtRest) return
    this.options.flow.flushes.next()
    if (this.room.isWanted && this.isAtRest) this.room.grant()
  }

  /** Nobody works on a record, and none is being written. */
  private get isAtRest(): boolean {
    return this.options.flow.working === 0 && this.writer.holding === 0 && (this.quarantining === null || this.quarantining.pending === 0)
  }

  private isStuck(): boolean {
    return this.inSteps > 0 && this.isAtRest && this.readers.some(({ isBlocked }) => isBlocked)
  }

  private stepsFailed(cause: unknown): unknown {
    if (cause instanceof MillraceError) return cause
    const pushed = this.readers.find(({ current }) => current !== null)?.current ?? this.oldest?.origin
    return new MillraceError(
      'MILL_STEPS_FAILED',
      { pipeline: this.options.plan.name, origin: pushed ? originText(pushed) : 'none' },
      { cause },
    )
  }

  // ---------- parts

  private makeReaders(): Reader[] {
    const { plan, limits, batch, flow, reading, fail } = this.options
    const sources = Object.entries(plan.sources)
    // Each source has its share of the window: one that waits for the other in a join cannot fill the whole.
    const share = (whole: number) => Math.max(1, Math.floor(whole / sources.length))
    return sources.map(([name, source]) => {
      const window = new Window(share(limits.maxInFlight), share(limits.maxInFlightBytes))
      const reader = new Reader(name, source, window, {
        pipeline: plan.name,
        flow,
        reading,
        ledger: plan.sink.ledger === true,
        isReplay: plan.isReplay === true,
        maxRecordBytes: limits.maxRecordBytes,
        maxReadRecords: batch.maxRecords,
        takeOver: () => (plan.sink.ledger ? this.sink.takeOver?.bind(this.sink) : undefined),
        pushed: () => {
          this.inSteps++
        },
        becameQuiet: () => this.changed(),
        changed: () => this.changed(),
        drain: () => {
          flow.flushes.next()
          this.writer.isPrompt = true
          this.writer.flush()
          this.flushHeld()
          this.changed()
        },
        drained: () => {
          this.writer.isPrompt = this.readers.some(({ partitions }) => partitions.isDraining)
        },
        fail,
      })
      reader.receiver = this.receiver(window)
      this.byName.set(name, reader)
      return reader
    })
  }

  private receiver(window: Window): Receiver {
    const { plan, flow } = this.options
    return {
      flow: flow satisfies RunFlow,
      skipped: (part, reason) => this.exits.skipped(part, reason),
      failed: (part, error, stage) => this.exits.failed(part, error, stage),
      grew: parts => {
        window.grow(parts)
        this.inSteps += parts
      },
      expands: part => {
        const { ledger, overwrites, name: sink } = plan.sink
        if (!ledger || overwrites) return
        const error = new MillraceError('MILL_EXPAND_NEEDS_OVERWRITE', { origin: originText(part.origin), sink })
        this.options.fail(error)
        throw error
      },
    }
  }

  private readonly byName = new Map<string, Reader>()
  private lastReader: Reader | undefined

  private reader(source: string): Reader {
    // Mostly there is one, and it is asked for twice a record.
    if (this.lastReader?.name !== source) this.lastReader = this.byName.get(source)!
    return this.lastReader
  }

  private failureRoute(): 'halt' | 'batch' | Quarantining {
    const { onFailure, sink } = this.options.plan
    if (onFailure === 'halt') return 'halt'
    return onFailure.scope !== undefined && onFailure.scope === sink.scope ? 'batch' : this.quarantining!
  }

  private *trackersWithGaps(): Iterable<PrefixTracker> {
    for (const { partitions } of this.readers) {
      for (const tracker of partitions.trackers.values() as Iterable<Tracker>)
        if (tracker instanceof PrefixTracker && tracker.gaps.size > 0) yield tracker
    }
  }
}

/** What failed is told only to sources that are told of each record. */
// Apart from `settled`: a function that makes a closure allocates the closure's context at every call, and it is called once a record.
function keepFailuresOfAll(part: Part, failures: readonly Failure[]): void {
  eachRoot(part, root => keepFailures(root, failures))
}

function keepFailures(root: Root, failures: readonly Failure[]): void {
  if (root.tracker instanceof PrefixTracker) return
  const { ownDetails } = root
  ownDetails.failures = [...(ownDetails.failures ?? []), ...failures]
}

function letGo(root: Root): void {
  root.ownDetails.held--
}

/** Of a join the member whose partition is lost, where another member's is not; null where all are, or none. */
function lostOf(part: Part): Root | null {
  if (part.others === null) return null
  let lost: Root | null = null
  let isOurs = false
  eachRoot(part, root => {
    if (root.tracker.isRevoked) lost = root
    else isOurs = true
  })
  return isOurs ? lost : null
}
