import { type ChildProcess, fork } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { type Clock, systemClock } from '../../core/clock.js'
import type { Logger } from '../../core/log.js'
import { codeRoot } from '../../core/package-files.js'
import type { ActorSnapshot } from '../../runtime/supervisor-actor.js'
import { added } from '../../runtime/supervisor-totals.js'
import type { FromWorker, ToWorker } from './worker-messages.js'

/** What a worker has of the one who runs it. */
export interface WorkerHost {
  readonly log: Logger
  readonly start: Extract<ToWorker, { type: 'start' }>
  /** What it says that is neither log nor snapshot: a program's own `console.log`. */
  output(text: string, stream: 'stdout' | 'stderr'): void
  observed(message: Extract<FromWorker, { type: 'wrote' | 'retried' }>): void
  ended(): void
}

const program = fileURLToPath(new URL('cli/run/worker.main.js', codeRoot))

const FIRST_PAUSE_MS = 1_000
const MAX_PAUSE_MS = 30_000
/** A process that lived this long was healthy. */
const HEALTHY_MS = 60_000
/** So many in a row that die before they ran a pipeline: the next would too. */
const MAX_EARLY = 3

/** One worker: a process, and the next one when it crashed. */
export class Worker {
  isOver = false
  /** How it stands, the counts of its former processes included. */
  actors: readonly ActorSnapshot[]
  private before: ReadonlyMap<string, ActorSnapshot['totals']> = new Map()
  private latest: readonly ActorSnapshot[]
  private child: ChildProcess | null = null
  private bornAt = 0
  private crashes = 0
  private early = 0
  private pauseMs = FIRST_PAUSE_MS
  private isStopping = false
  private isFinished = false
  private cancelPause: (() => void) | null = null

  constructor(
    /** From 1. */
    readonly number: number,
    idle: readonly ActorSnapshot[],
    private readonly host: WorkerHost,
    private readonly clock: Clock = systemClock,
  ) {
    this.actors = idle
    this.latest = idle
    this.spawn()
  }

  stop(): void {
    this.isStopping = true
    if (this.isOver) return
    if (this.cancelPause !== null) return this.end('stopped')
    this.tell({ type: 'stop' })
  }

  abort(reason: string): void {
    this.isStopping = true
    if (this.isOver) return
    if (this.cancelPause !== null) return this.end('stopped')
    this.tell({ type: 'abort', reason })
  }

  private spawn(): void {
    this.cancelPause = null
    this.bornAt = this.clock.now()
    // The structured clone keeps maps and dates.
    const child = fork(program, [], { serialization: 'advanced', stdio: ['ignore', 'pipe', 'pipe', 'ipc'] })
    this.child = child
    child.stdout?.setEncoding('utf8').on('data', text => this.host.output(text, 'stdout'))
    child.stderr?.setEncoding('utf8').on('data', text => this.host.output(text, 'stderr'))
    child.on('message', message => this.heard(message as FromWorker))
    child.on('error', error => this.host.log.error('a worker cannot be reached', { worker: this.number, error: error.message }))
    child.once('close', (status, signal) => this.closed(status, signal))
    this.tell(this.host.start)
  }

  private tell(message: ToWorker): void {
    // It may have died this moment; `close` tells.
    if (this.child?.connected) this.child.send(message, () => {})
  }

  private heard(message: FromWorker): void {
    if (message.type === 'log') this.host.log[message.level](message.message, { worker: this.number, ...message.fields })
    else if (message.type === 'snapshot') this.take(message.actors)
    else if (message.type === 'finished') {
      this.isFinished = true
      this.take(message.actors)
    } else this.host.observed(message)
  }

  private take(actors: readonly ActorSnapshot[]): void {
    this.latest = actors
    this.actors = actors.map(actor => {
      const before = this.before.get(actor.name)
      const counted = before === undefined ? actor : { ...actor, totals: added(before, actor.totals) }
      return this.crashes === 0 ? counted : { ...counted, restarts: counted.restarts + this.crashes }
    })
  }

  private closed(status: number | null, signal: NodeJS.Signals | null): void {
    this.child = null
    if (this.isFinished) return this.end(null)
    const how = signal === null ? `with status ${status}` : `by ${signal}`
    this.early = this.latest.some(({ run }) => run !== null) ? 0 : this.early + 1
    if (this.isStopping || this.early >= MAX_EARLY) {
      this.host.log.error('a worker ended unasked', { worker: this.number, how })
      return this.end('failed', `worker ${this.number} ended ${how}`)
    }
    this.restart(how)
  }

  private restart(how: string): void {
    if (this.clock.now() - this.bornAt >= HEALTHY_MS) this.pauseMs = FIRST_PAUSE_MS
    this.crashes++
    this.before = new Map(this.actors.map(({ name, totals }) => [name, totals]))
    this.actors = this.actors.map(actor => ({ ...actor, state: 'waiting', waitingFor: 'restart', run: null, since: this.clock.now() }))
    this.latest = this.actors
    this.host.log.error('a worker crashed and is started again', { worker: this.number, how, afterMs: this.pauseMs })
    this.cancelPause = this.clock.after(this.pauseMs, () => this.spawn())
    this.pauseMs = Math.min(MAX_PAUSE_MS, this.pauseMs * 2)
  }

  /** @param state - null: as its actors say. */
  private end(state: 'stopped' | 'failed' | null, reason = ''): void {
    this.cancelPause?.()
    this.cancelPause = null
    this.isOver = true
    if (state !== null) {
      const error = state === 'failed' ? { name: 'WorkerLost', message: reason } : null
      this.actors = this.actors.map(actor => ({
        ...actor,
        state,
        waitingFor: null,
        error,
        errorClass: error === null ? null : 'failed',
      }))
    }
    this.host.ended()
  }
}
