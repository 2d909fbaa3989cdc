import { type Clock, systemClock } from '../core/clock.js'
import { errorText } from '../core/error-report.js'
import { MillraceError } from '../core/errors.js'
import { type Logger, silentLog } from '../core/log.js'
import { option, resolveOptions, shown } from '../core/options.js'
import type { RunObserver } from './observer.js'
import type { Pipeline } from './pipeline.js'
import type { PipelineRun } from './run.js'
import { Actor, type ActorSnapshot } from './supervisor-actor.js'
import { type RestartPolicy, resolveRestartPolicy } from './supervisor-restarts.js'

/** What a supervisor is given. All may be left out. */
export interface SupervisorOptions {
  /** Lines of a pipeline have its name in the field `pipeline`. Default: silent. */
  readonly log?: Logger
  /** Default: the machine's time. */
  readonly clock?: Clock
  readonly restart?: Partial<RestartPolicy>
  /** How many pipelines run at a time; the others wait for their turn, in the order given. Default: all. */
  readonly concurrently?: number
  /** Called at each start of a pipeline, restarts included. */
  readonly onRun?: (name: string, run: PipelineRun) => void
  /** Called at each change of a pipeline's state. */
  readonly onState?: (snapshot: ActorSnapshot) => void
}

/** Pipelines that run side by side, each for itself: what befalls one is nothing to the others. */
export interface Supervisor extends AsyncDisposable {
  readonly pipelines: readonly Pipeline[]
  /** Each pipeline, in the order given. */
  snapshot(): readonly ActorSnapshot[]
  /** Resolves when all have ended, with how they ended. Never rejects. */
  readonly finished: Promise<readonly ActorSnapshot[]>
  /** Drains all: each reads no more, writes and commits what there is. One that waits for its start ends at once, as `stopped`. */
  stop(): Promise<readonly ActorSnapshot[]>
  /** Ends all at once; what is not committed comes again. */
  abort(reason?: unknown): Promise<readonly ActorSnapshot[]>
  /**
   * Watches each pipeline, over its restarts. Whoever asks in the same turn in which the supervisor was made misses nothing.
   *
   * @returns ends the watching.
   */
  observe(observerOf: (pipeline: string) => RunObserver): () => void
}

/**
 * Runs pipelines side by side, and starts one again that fails: after a while that grows from 1 s to 1 min, until it has been healthy for a minute.
 *
 * Not restarted is what a restart cannot mend: a wrong configuration, a missing right, a partition that another owner has, a service that is away at
 * the very first start, a failure budget that is spent, and a pipeline that has failed three times at one record, or three times in opening before it
 * ever ran. It begins with the next turn of the event loop.
 *
 * What a custom operator throws out of RxJS (see docs/components.md) is an uncaught exception and ends the process with all its pipelines.
 *
 * @throws {MillraceError} `MILL_OPTION_INVALID`, `MILL_OPTION_UNKNOWN`: for two pipelines of one name, too.
 */
export function supervise(pipelines: readonly Pipeline[], options: SupervisorOptions = {}): Supervisor {
  const resolved = resolveOptions<SupervisorOptions>('supervise', options, {
    log: option.object('a logger', { optional: true }),
    clock: option.object('a clock', { optional: true }),
    restart: option.object('an object', { optional: true }),
    concurrently: option.wholeNumber(1, { default: Number.POSITIVE_INFINITY }),
    onRun: option.function({ optional: true }),
    onState: option.function({ optional: true }),
  })
  const names = pipelines.map(({ name }) => name)
  const twice = names.find((name, i) => names.indexOf(name) !== i)
  if (twice !== undefined) {
    throw new MillraceError('MILL_OPTION_INVALID', {
      where: 'supervise',
      option: 'pipelines',
      expected: 'of different names, for ledger, quarantine and metrics tell them apart by it',
      given: `${shown(twice)} twice`,
    })
  }
  return new Actors(pipelines, resolved)
}

class Actors implements Supervisor {
  readonly finished: Promise<readonly ActorSnapshot[]>
  private readonly actors: readonly Actor[]
  /** Whose turn is still to come. */
  private waiting: Actor[]
  private under = 0
  private readonly done: () => void

  constructor(
    readonly pipelines: readonly Pipeline[],
    private readonly options: SupervisorOptions,
  ) {
    const { log = silentLog, clock = systemClock, restart, onRun, onState } = options
    const policy = resolveRestartPolicy(restart)
    this.actors = pipelines.map(pipeline => {
      const own = logOf(log, pipeline.name)
      return new Actor(pipeline, own, {
        clock,
        policy,
        onRun: (name, run) => guarded(own, 'onRun', () => onRun?.(name, run)),
        onState: snapshot => guarded(own, 'onState', () => onState?.(snapshot)),
        ended: () => this.ended(),
      })
    })
    this.waiting = [...this.actors]
    let done!: () => void
    this.finished = new Promise<void>(resolve => {
      done = resolve
    }).then(() => this.snapshot())
    this.done = done
    // Later: whoever made it has still to keep it, and to watch.
    queueMicrotask(() => this.startNext())
  }

  snapshot(): readonly ActorSnapshot[] {
    return this.actors.map(actor => actor.snapshot())
  }

  stop(): Promise<readonly ActorSnapshot[]> {
    this.waiting = []
    for (const actor of this.actors) actor.stop()
    return this.finished
  }

  abort(reason?: unknown): Promise<readonly ActorSnapshot[]> {
    this.waiting = []
    for (const actor of this.actors) actor.abort(reason)
    return this.finished
  }

  observe(observerOf: (pipeline: string) => RunObserver): () => void {
    const ends = this.actors.map(actor => actor.observe(observerOf(actor.name)))
    return () => {
      for (const end of ends) end()
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop()
  }

  private startNext(): void {
    const { concurrently = Number.POSITIVE_INFINITY } = this.options
    while (this.under < concurrently) {
      const next = this.waiting.shift()
      if (next === undefined) break
      if (next.isOver) continue
      this.under++
      next.start()
    }
    if (this.actors.every(({ isOver }) => isOver)) this.done()
  }

  private ended(): void {
    this.under = this.actors.filter(actor => !actor.isOver && !this.waiting.includes(actor)).length
    this.startNext()
  }
}

/** The same log, of one pipeline. */
function logOf(log: Logger, pipeline: string): Logger {
  const withName =
    (level: keyof Logger) =>
    (message: string, fields?: object): void =>
      log[level](message, { pipeline, ...fields })
  return { debug: withName('debug'), info: withName('info'), warn: withName('warn'), error: withName('error') }
}

/** A fault of who only listens must not end what is supervised. */
function guarded(log: Logger, member: string, call: () => void): void {
  try {
    call()
  } catch (error) {
    log.warn('a listener threw', { member, error: errorText(error) })
  }
}
