import type { Clock } from '../core/clock.js'
import { type ErrorClass, errorClassOf } from '../core/error-class.js'
import { type ErrorReport, errorReport, errorText } from '../core/error-report.js'
import type { Logger } from '../core/log.js'
import { guardedObserver, type RunObserver } from './observer.js'
import type { Pipeline } from './pipeline.js'
import type { PipelineRun, RunSnapshot } from './run.js'
import type { RunState } from './run-state.js'
import { type RestartPolicy, Restarts, type Verdict } from './supervisor-restarts.js'
import { type ActorTotals, added, noTotals } from './supervisor-totals.js'

/** Where a pipeline of a supervisor stands. `waiting`: see `waitingFor`. */
export type ActorState = 'starting' | 'running' | 'waiting' | 'draining' | 'stopped' | 'failed'

/** A pipeline of a supervisor at one moment. */
export interface ActorSnapshot {
  readonly name: string
  readonly state: ActorState
  /** Since when it is in this state, ms since 1970. */
  readonly since: number
  /** What a waiting one waits for: its turn, its next start, or infrastructure that is away. Null in every other state. */
  readonly waitingFor: 'turn' | 'restart' | 'infrastructure' | null
  /** How often it was started again. */
  readonly restarts: number
  /** When it will be started again, ms since 1970; null unless it waits for that. */
  readonly restartAt: number | null
  /** Of the run under way, else of the last one; null before the first. */
  readonly run: RunSnapshot | null
  /** What its last run failed with; null before the first failure, and after a run has ended well. */
  readonly error: ErrorReport | null
  /** What can be done about `error`: command lines make their exit status of it. */
  readonly errorClass: ErrorClass | null
  /** Over all its runs. */
  readonly totals: ActorTotals
}

/** What an actor has of its supervisor. */
export interface ActorHost {
  readonly clock: Clock
  readonly policy: RestartPolicy
  onRun(name: string, run: PipelineRun): void
  onState(snapshot: ActorSnapshot): void
  /** It is in one of the two last states. */
  ended(): void
}

/** One pipeline under supervision: runs it, starts it again when it failed, and ends once. */
export class Actor {
  private state: ActorState = 'waiting'
  private waitingFor: ActorSnapshot['waitingFor'] = 'turn'
  private since: number
  private restarts = 0
  private restartAt: number | null = null
  private run: PipelineRun | null = null
  private error: unknown = null
  private ended: ActorTotals = noTotals
  private openedAt: number | null = null
  private isStopping = false
  private cancelTimer: (() => void) | null = null
  private readonly failures: Restarts
  private readonly observers = new Set<RunObserver>()

  constructor(
    private readonly pipeline: Pipeline,
    private readonly log: Logger,
    private readonly host: ActorHost,
  ) {
    this.since = host.clock.now()
    this.failures = new Restarts(host.policy)
  }

  get name(): string {
    return this.pipeline.name
  }

  get isOver(): boolean {
    return this.state === 'stopped' || this.state === 'failed'
  }

  snapshot(): ActorSnapshot {
    const { name, state, since, waitingFor, restarts, restartAt, error } = this
    const run = this.run?.snapshot() ?? null
    return {
      name,
      state,
      since,
      waitingFor,
      restarts,
      restartAt,
      run,
      error: error === null ? null : errorReport(error),
      errorClass: error === null ? null : errorClassOf(error),
      totals: run === null ? this.ended : added(this.ended, run),
    }
  }

  observe(observer: RunObserver): () => void {
    const guarded = guardedObserver(observer, this.log)
    this.observers.add(guarded)
    return () => this.observers.delete(guarded)
  }

  /** Runs it, unless it was told to stop before its turn came. */
  start(): void {
    if (this.isOver) return
    this.restartAt = null
    this.openedAt = null
    // The former run's counts stay: from here they are in the totals of what has ended.
    if (this.run !== null) this.ended = added(this.ended, this.run.snapshot())
    this.run = null
    this.enter('starting')
    let run: PipelineRun
    try {
      run = this.pipeline.start({ clock: this.host.clock, log: this.log, observer: this.observer })
    } catch (error) {
      return this.failed(error)
    }
    this.run = run
    this.host.onRun(this.name, run)
    run.finished.then(
      () => this.stopped(),
      error => this.failed(error),
    )
  }

  stop(): void {
    this.isStopping = true
    this.endWith(run => run.stop())
  }

  abort(reason: unknown): void {
    this.isStopping = true
    this.endWith(run => run.abort(reason))
  }

  /** One that only waits for its turn, or its next start, ends at once. */
  private endWith(end: (run: PipelineRun) => Promise<unknown>): void {
    if (this.isOver) return
    if (this.waitingFor === 'turn' || this.waitingFor === 'restart') return this.enter('stopped')
    // What it rejects with is what `finished` rejects with.
    if (this.run !== null) end(this.run).catch(() => {})
  }

  private stopped(): void {
    this.error = null
    this.enter('stopped')
  }

  private failed(error: unknown): void {
    this.error = error
    const { clock } = this.host
    const verdict = this.failures.judge({ error, ranMs: this.openedAt === null ? null : clock.now() - this.openedAt })
    if (this.isStopping) return this.enter('failed')
    if (verdict.again) return this.waitForRestart(verdict.delayMs)
    this.giveUp(verdict)
  }

  private giveUp({ because }: Extract<Verdict, { again: false }>): void {
    this.log.error('not restarted', { because, error: errorText(this.error) })
    this.enter('failed')
  }

  private waitForRestart(delayMs: number): void {
    const { clock } = this.host
    this.restartAt = clock.now() + delayMs
    this.enter('waiting', 'restart')
    this.cancelTimer = clock.after(delayMs, () => {
      this.cancelTimer = null
      this.restarts++
      this.start()
    })
  }

  /** What each run of it is watched by: the actor itself, and whoever watches it. */
  private readonly observer: RunObserver = {
    state: state => this.followed(state),
    retried: reason => {
      for (const observer of this.observers) observer.retried?.(reason)
    },
    wrote: batch => {
      for (const observer of this.observers) observer.wrote?.(batch)
    },
    around: (batch, write) => {
      let around = write
      for (const observer of this.observers) {
        const { around: outer } = observer
        const inner = around
        if (outer !== undefined) around = () => outer(batch, inner)
      }
      return around()
    },
  }

  /** The run's own state. How a run ends is told by its promise, once everything is closed. */
  private followed(state: RunState): void {
    for (const observer of this.observers) observer.state?.(state)
    if (state === 'stopped' || state === 'failed' || this.isOver) return
    if (state === 'waiting') return this.enter('waiting', 'infrastructure')
    if (state !== 'running') return this.enter(state)
    this.openedAt ??= this.host.clock.now()
    if (this.waitingFor !== 'infrastructure') return this.enter('running')
    // A run says that it goes on before each try. Only one that does not wait again within a second has come through.
    this.cancelTimer?.()
    this.cancelTimer = this.host.clock.after(SETTLED_MS, () => this.enter('running'))
  }

  private enter(state: ActorState, waitingFor: ActorSnapshot['waitingFor'] = null): void {
    this.cancelTimer?.()
    this.cancelTimer = null
    if (this.state === state && this.waitingFor === waitingFor) return
    const from = this.state
    this.state = state
    this.waitingFor = waitingFor
    if (waitingFor !== 'restart') this.restartAt = null
    this.since = this.host.clock.now()
    this.tell(from)
    if (this.isOver) this.host.ended()
  }

  private tell(from: ActorState): void {
    const { state, waitingFor, restarts, error, log } = this
    const fields = { from, state, ...(waitingFor !== null && { waitingFor }), restarts, ...(error !== null && { error: errorText(error) }) }
    if (state === 'failed') log.error('state', fields)
    else if (state === 'waiting') log.warn('state', fields)
    else log.info('state', fields)
    this.host.onState(this.snapshot())
  }
}

const SETTLED_MS = 1_000
