import type { LoadedConfig } from '../../config/load-config.js'
import { systemClock } from '../../core/clock.js'
import type { RunObserver } from '../../runtime/observer.js'
import type { Pipeline } from '../../runtime/pipeline.js'
import type { Supervisor } from '../../runtime/supervisor.js'
import type { ActorSnapshot } from '../../runtime/supervisor-actor.js'
import { noTotals } from '../../runtime/supervisor-totals.js'
import type { Frame } from '../frame.js'
import { mergeSnapshots } from './merge-snapshots.js'
import type { Running } from './running.js'
import { prepareWatching } from './serve.js'
import { Worker } from './worker.js'
import type { FromWorker } from './worker-messages.js'

/** How pipelines run in workers. */
export interface WorkersOptions {
  readonly workers: number
  readonly drain?: true
  readonly json?: true
}

/** Runs the pipelines in several processes, which share their sources, and watches them as one. */
export async function runInWorkers(frame: Frame, loaded: LoadedConfig, options: WorkersOptions): Promise<Running> {
  const log = frame.log(loaded)
  const pipelines = await Promise.all(loaded.names.map(name => loaded.pipeline(name)))
  const watching = await prepareWatching(loaded, log)
  const start = {
    type: 'start',
    file: loaded.file,
    names: loaded.names,
    drain: options.drain === true,
    isObserved: loaded.config.monitoring !== undefined,
  } as const
  const output = (text: string, stream: 'stdout' | 'stderr') => {
    const hidden = frame.hide(text)
    if (stream === 'stdout' && !options.json) frame.print(hidden)
    else frame.say(hidden.trimEnd())
  }
  const all = new Workers(pipelines, options.workers, host => new Worker(host.number, idle(pipelines), { ...host, log, start, output }))
  const close = await watching.watch(all).catch(async error => {
    await all.abort(error)
    throw error
  })
  return { finished: all.finished, snapshot: () => all.snapshot(), stop: () => all.stop(), abort: reason => all.abort(reason), close }
}

/** What a worker is before it was heard of. */
function idle(pipelines: readonly Pipeline[]): readonly ActorSnapshot[] {
  return pipelines.map(({ name }) => ({
    name,
    state: 'starting',
    since: systemClock.now(),
    waitingFor: null,
    restarts: 0,
    restartAt: null,
    run: null,
    error: null,
    errorClass: null,
    totals: noTotals,
  }))
}

type Observed = Extract<FromWorker, { type: 'wrote' | 'retried' }>

/** Workers as one supervisor: what metrics and views ask. */
class Workers implements Supervisor {
  readonly finished: Promise<readonly ActorSnapshot[]>
  private readonly workers: readonly Worker[]
  private readonly observers = new Set<ReadonlyMap<string, RunObserver>>()

  constructor(
    readonly pipelines: readonly Pipeline[],
    count: number,
    make: (host: { readonly number: number; observed(message: Observed): void; ended(): void }) => Worker,
  ) {
    let done!: () => void
    const over = new Promise<void>(resolve => {
      done = resolve
    })
    const ended = () => {
      if (this.workers.every(({ isOver }) => isOver)) done()
    }
    this.workers = Array.from({ length: count }, (_, i) => make({ number: i + 1, observed: message => this.observed(message), ended }))
    this.finished = over.then(() => this.snapshot())
  }

  snapshot(): readonly ActorSnapshot[] {
    return this.pipelines.map((_, i) => mergeSnapshots(this.workers.flatMap(({ actors }) => actors[i] ?? [])))
  }

  stop(): Promise<readonly ActorSnapshot[]> {
    for (const worker of this.workers) worker.stop()
    return this.finished
  }

  abort(reason?: unknown): Promise<readonly ActorSnapshot[]> {
    for (const worker of this.workers) worker.abort(reason instanceof Error ? reason.message : 'aborted')
    return this.finished
  }

  observe(observerOf: (pipeline: string) => RunObserver): () => void {
    const observers = new Map(this.pipelines.map(({ name }) => [name, observerOf(name)]))
    this.observers.add(observers)
    return () => this.observers.delete(observers)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop()
  }

  private observed(message: Observed): void {
    for (const observers of this.observers) {
      const observer = observers.get(message.pipeline)
      if (message.type === 'wrote') observer?.wrote?.(message.batch)
      else observer?.retried?.(message.reason)
    }
  }
}
