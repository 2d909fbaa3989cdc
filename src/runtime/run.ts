import { setMaxListeners } from 'node:events'
import { type Clock, systemClock } from '../core/clock.js'
import { errorText } from '../core/error-report.js'
import { MillraceError } from '../core/errors.js'
import { type Logger, silentLog } from '../core/log.js'
import type { QuarantineSession } from '../core/quarantine.js'
import type { SinkSession } from '../core/sink.js'
import type { SourceFacts } from '../core/source-facts.js'
import { Engine } from './engine.js'
import { FlowControl } from './flow-control.js'
import { type Limits, resolveBatchLimits, resolveLimits } from './limits.js'
import { guardedObserver, type RunObserver } from './observer.js'
import { openWithin, stoppedAtStart } from './opening.js'
import { concurrentWrites, type RunPlan } from './plan.js'
import type { Reader } from './reader.js'
import type { RunState } from './run-state.js'
import { type RunSummary, Tally } from './tally.js'

/** A run at one moment: the summary so far, and what is under way. */
export interface RunSnapshot extends RunSummary {
  readonly state: RunState
  /** Unsettled records, children of splits included. */
  readonly inFlight: number
  readonly inFlightBytes: number
  /** As many may be in flight: `limits.maxInFlight`. */
  readonly maxInFlight?: number
  /** Records that the sink holds on its own disk. */
  readonly heldRecords: number
  readonly oldestUnsettledMs: number
  /** How many were quarantined, by the codes alone; `reasons` has those of what was skipped, too. */
  readonly quarantinedBy?: Readonly<Record<string, number>>
  /** Stretches of positions that are settled beyond one that is not, over all partitions of sources that commit a prefix. */
  readonly holes?: number
  /** What the sources have still to read, by `source partition`, in their positions. */
  readonly lag: ReadonlyMap<string, number>
  /** What the sources tell of themselves, by their names; those that tell nothing are left out. */
  readonly sources?: Readonly<Record<string, SourceFacts>>
}

/** A started pipeline. */
export interface PipelineRun extends AsyncDisposable {
  /** All settled, last commit done, sessions closed. Rejects when the run failed or was aborted; the rejection is marked as handled. */
  readonly finished: Promise<RunSummary>
  snapshot(): RunSnapshot
  /** Reads no more, writes and commits what there is, and ends: within `stopTimeoutMs`, else it fails with `MILL_STOP_TIMEOUT`. */
  stop(): Promise<RunSummary>
  /** Ends at once; what is not committed comes again. */
  abort(reason?: unknown): Promise<RunSummary>
}

/** What a run is started with. */
export interface StartOptions {
  /** Aborting it stops the run as `stop()` does. */
  readonly signal?: AbortSignal
  /** Default: silent. */
  readonly log?: Logger
  /** Default: the machine's time. */
  readonly clock?: Clock
  /** Watches the run: for metrics and traces. Default: nobody. */
  readonly observer?: RunObserver
}

/** One run of a pipeline: opens its parts, lets the engine move records, stops, and closes. */
export class Run implements PipelineRun {
  readonly finished: Promise<RunSummary>
  private phase: Exclude<RunState, 'waiting'> = 'starting'
  private readonly clock: Clock
  private readonly log: Logger
  private readonly observer: RunObserver | undefined
  private readonly limits: Limits
  private readonly tally = new Tally()
  private readonly flow: FlowControl
  private readonly engine: Engine
  private readonly startedAt: number
  private endedAt: number | null = null
  private failure: { readonly error: unknown; readonly commits: boolean } | null = null
  private readonly aborting = new AbortController()
  private readonly notReading = new AbortController()
  private readonly done = signalled()
  private sink: SinkSession<unknown> | null = null
  private quarantine: QuarantineSession | null = null
  private cancelStopTimer: (() => void) | null = null

  constructor(
    private readonly plan: RunPlan,
    options: StartOptions,
  ) {
    const { sink, name } = plan
    this.clock = options.clock ?? systemClock
    this.log = options.log ?? silentLog
    this.observer = options.observer && guardedObserver(options.observer, this.log)
    this.startedAt = this.clock.now()
    const batch = resolveBatchLimits(`sink ${sink.name}, batch`, sink.batch)
    this.limits = resolveLimits(name, plan.limits, batch, concurrentWrites(sink))
    // Each handler at work may listen to it; Node warns of a leak from the eleventh on.
    setMaxListeners(0, this.aborting.signal, this.notReading.signal)
    this.flow = new FlowControl(this.aborting.signal, this.clock, this.log, {
      room: depth => this.engine.room.ready(depth),
      onQuiet: () => this.engine.changed(),
      onWait: reason => this.observer?.retried?.(reason),
      onWaiting: () => this.observer?.state?.(this.state),
    })
    this.engine = new Engine({
      plan,
      batch,
      limits: this.limits,
      flow: this.flow,
      tally: this.tally,
      reading: this.notReading.signal,
      observer: this.observer,
      fail: error => this.fail(error, true),
      done: () => this.done.signal(),
    })
    this.finished = this.run(options.signal)
    this.finished.catch(() => {})
  }

  snapshot(): RunSnapshot {
    const { engine } = this
    return {
      ...this.summary(),
      quarantinedBy: this.tally.quarantinedBy,
      state: this.state,
      inFlight: engine.inFlight,
      inFlightBytes: engine.inFlightBytes,
      maxInFlight: this.limits.maxInFlight,
      heldRecords: engine.holds.records,
      holes: engine.holes,
      oldestUnsettledMs: engine.oldest === null ? 0 : Math.max(0, this.clock.now() - engine.oldest.receivedAt),
      lag: this.lag,
      sources: this.facts,
    }
  }

  stop(): Promise<RunSummary> {
    if (this.phase !== 'starting' && this.phase !== 'running') return this.finished
    const isOpen = this.phase === 'running'
    this.enter('draining')
    this.log.info('stopping', { pipeline: this.plan.name })
    const { stopTimeoutMs: ms } = this.limits
    this.cancelStopTimer = this.clock.after(ms, () => {
      this.fail(new MillraceError('MILL_STOP_TIMEOUT', { pipeline: this.plan.name, ms, inFlight: this.engine.inFlight }), false)
    })
    this.notReading.abort()
    if (isOpen) this.engine.drain()
    return this.finished
  }

  async abort(reason?: unknown): Promise<RunSummary> {
    this.fail(new MillraceError('MILL_RUN_ABORTED', { pipeline: this.plan.name }, { cause: reason }), false)
    await this.finished.catch(() => {})
    return this.summary()
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop().catch(() => {})
  }

  private get lag(): ReadonlyMap<string, number> {
    const lag = new Map<string, number>()
    for (const reader of this.engine.readers) {
      try {
        for (const [partition, positions] of reader.lag) lag.set(`${reader.name} ${partition}`, positions)
      } catch (error) {
        // A snapshot is asked for by who watches: a source that cannot say must not end what it tells of.
        this.log.debug('a source cannot tell its lag', { source: reader.name, error: errorText(error) })
      }
    }
    return lag
  }

  private get facts(): Readonly<Record<string, SourceFacts>> {
    const facts: Record<string, SourceFacts> = {}
    for (const reader of this.engine.readers) {
      try {
        const found = reader.facts
        if (found !== undefined) facts[reader.name] = found
      } catch (error) {
        this.log.debug('a source cannot tell of itself', { source: reader.name, error: errorText(error) })
      }
    }
    return facts
  }

  private get state(): RunState {
    return this.phase === 'running' && this.flow.waiting > 0 ? 'waiting' : this.phase
  }

  private enter(phase: Exclude<RunState, 'waiting'>): void {
    if (this.phase === phase) return
    this.phase = phase
    this.observer?.state?.(this.state)
  }

  private async run(signal: AbortSignal | undefined): Promise<RunSummary> {
    const onSignal = () => void this.stop()
    signal?.addEventListener('abort', onSignal, { once: true })
    if (signal?.aborted) onSignal()
    try {
      await this.open()
      if (this.phase === 'starting' && this.failure === null) this.enter('running')
      this.log.info('running', { pipeline: this.plan.name })
      if (this.failure === null) this.engine.start()
      await this.done.promise
    } catch (error) {
      if (error !== stoppedAtStart) this.fail(error, true)
    }
    signal?.removeEventListener('abort', onSignal)
    // Nothing is left that stop() could hurry: it would only start its timer anew.
    this.enter('draining')
    this.cancelStopTimer?.()
    await this.close()
    // Whoever still waits for infrastructure (a take-over for a source that was not heard to the end) waits in vain.
    this.aborting.abort()
    this.endedAt = this.clock.now()
    // Read through a function: the compiler cannot see that `fail` may have set it.
    const failure = this.failed()
    this.enter(failure === null ? 'stopped' : 'failed')
    if (failure !== null) throw failure.error
    this.log.info('finished', this.summary())
    return this.summary()
  }

  /** The sink first: a source that is open while nothing can be written would only hold its partitions. */
  private async open(): Promise<void> {
    const { plan, log, clock, flow } = this
    const { sink, onFailure, name: pipeline } = plan
    const options = { clock, flow, ms: this.limits.startTimeoutMs, stopping: this.notReading.signal }
    this.sink = await openWithin({ kind: 'sink', name: sink.name }, () => sink.open({ pipeline, log, quarantine: onFailure }), options)
    if (onFailure !== 'halt') {
      this.quarantine = await openWithin({ kind: 'quarantine', name: onFailure.name }, () => onFailure.open({ pipeline }), options)
    }
    this.engine.connect(this.sink, this.quarantine)
    const opened = async (reader: Reader): Promise<Reader> => {
      await reader.open(log)
      return reader
    }
    for (const reader of this.engine.readers) {
      if (this.failed() === null) await openWithin({ kind: 'source', name: reader.name }, () => opened(reader), options)
    }
  }

  private fail(error: unknown, commits: boolean): void {
    if (this.failure !== null || this.endedAt !== null) return
    this.failure = { error, commits }
    this.log.error('failed', { pipeline: this.plan.name, error: errorText(error) })
    this.notReading.abort()
    this.aborting.abort(error)
    this.engine.cut()
    this.done.signal()
  }

  private failed(): typeof this.failure {
    return this.failure
  }

  /** Lets what is under way end, commits what is settled (not after an abort), closes everything. A part that hangs is left behind. */
  private async close(): Promise<void> {
    // One bound for all parts. After a failure it is short: stop() may have used up its time before.
    const { stopTimeoutMs } = this.limits
    const deadline = this.clock.now() + (this.failure === null ? stopTimeoutMs : Math.min(stopTimeoutMs, MAX_CLOSING_MS))
    const bounded = (work: Promise<unknown>): Promise<void> => this.bounded(work, deadline)
    await bounded(this.engine.ended())
    this.flow.flushes.complete()
    for (const reader of this.engine.readers) {
      if (!reader.isOpen) continue
      await bounded(this.failure?.commits ? reader.committer.commitOnce() : reader.committer.ended())
      await bounded(this.closed(`source ${reader.name}`, () => reader.close()))
    }
    await bounded(this.closed(`quarantine`, () => this.quarantine?.close?.()))
    await bounded(this.closed(`sink ${this.plan.sink.name}`, () => this.sink?.close?.()))
  }

  private bounded(work: Promise<unknown>, deadline: number): Promise<void> {
    return new Promise(resolve => {
      const cancel = this.clock.after(Math.max(0, deadline - this.clock.now()), resolve)
      const end = () => {
        cancel()
        resolve()
      }
      work.then(end, end)
    })
  }

  private async closed(part: string, close: () => Promise<void> | undefined): Promise<void> {
    try {
      await close()
    } catch (error) {
      this.log.warn('closing failed', { part, error: errorText(error) })
    }
  }

  private summary(): RunSummary {
    return this.tally.summary(((this.endedAt ?? this.clock.now()) - this.startedAt) / 1000)
  }
}

/** How long the parts of a run that failed may take to end. */
const MAX_CLOSING_MS = 5_000

function signalled(): { readonly promise: Promise<void>; signal(): void } {
  let signal!: () => void
  const promise = new Promise<void>(resolve => {
    signal = resolve
  })
  return { promise, signal }
}
