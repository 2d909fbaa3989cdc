import { type VirtualClock, virtualClock } from 'millrace/testing'
import type { Observable } from 'rxjs'
import type { Envelope } from '../../../src/core/envelope.js'
import type { Flow } from '../../../src/core/flow.js'
import type { Failure, Quarantine } from '../../../src/core/quarantine.js'
import type { Batch, Held, Sink, SinkSession } from '../../../src/core/sink.js'
import type { Incoming, Prefix, Settlement, Source, SourceContext, SourceSession } from '../../../src/core/source.js'
import type { Limits } from '../../../src/runtime/limits.js'
import { definePipeline, type Pipeline } from '../../../src/runtime/pipeline.js'

/** A promise that the test settles. */
export interface Gate<T = void> {
  readonly promise: Promise<T>
  open(value: T): void
  break(error: unknown): void
}

export function gate<T = void>(): Gate<T> {
  let open!: (value: T) => void
  let reject!: (error: unknown) => void
  const promise = new Promise<T>((yes, no) => {
    open = yes
    reject = no
  })
  promise.catch(() => {})
  return { promise, open, break: reject }
}

export const away = (message = 'away') => Object.assign(new Error(message), { retryable: true })

/** A source that the test feeds, with everything that the run told it. */
export class FedSource<T = number> {
  readonly commits: (Prefix | Settlement)[][] = []
  readonly fenced: string[] = []
  context!: SourceContext
  reads = 0
  closed = 0
  /** What the next commits do before they are done. */
  onCommit: () => Promise<void> = async () => {}
  readonly source: Source<T>
  private queue: (Incoming<T>[] | null)[] = []
  private wake: (() => void) | null = null

  constructor(
    options: {
      readonly name?: string
      readonly commits?: 'prefix' | 'single'
      readonly fenced?: boolean
      readonly onOpen?: (context: SourceContext) => Promise<void>
    } = {},
  ) {
    const { name = 'fed', commits = 'prefix', fenced = true, onOpen } = options
    this.source = {
      name,
      commits: commits as 'prefix',
      open: async context => {
        this.context = context
        await onOpen?.(context)
        const session: SourceSession<T, Prefix> = {
          read: (_, signal) => this.read(signal),
          commit: async done => {
            this.commits.push([...done])
            await this.onCommit()
          },
          ...(fenced && { fenced: (partition: string) => void this.fenced.push(partition) }),
          close: async () => {
            this.closed++
          },
        }
        return session
      },
    }
  }

  /** The positions that the last commit of each partition named. */
  get committed(): Record<string, number> {
    return Object.fromEntries(this.commits.flat().map(done => [done.partition, (done as Prefix).next]))
  }

  give(...incoming: Incoming<T>[]): void {
    this.put(incoming)
  }

  end(): void {
    this.put(null)
  }

  private put(batch: Incoming<T>[] | null): void {
    this.queue.push(batch)
    this.wake?.()
    this.wake = null
  }

  private async read(signal: AbortSignal): Promise<Incoming<T>[] | null> {
    this.reads++
    while (this.queue.length === 0) {
      await new Promise<void>((resolve, reject) => {
        this.wake = resolve
        signal.addEventListener('abort', () => reject(signal.reason), { once: true })
      })
    }
    return this.queue.shift()!
  }
}

/** Records with their position as value. */
export const numbered = (from: number, to: number, more: Partial<Incoming<number>> = {}): Incoming<number>[] =>
  Array.from({ length: to - from }, (_, i) => ({ value: from + i, position: from + i, bytes: 1, ...more }))

/** A sink that writes down what it gets; the test says what a write does. */
export class NotingSink<T = unknown> {
  readonly batches: Batch<T>[] = []
  flushes = 0
  closed = 0
  onWrite: (batch: Batch<T>, signal: AbortSignal) => Promise<Held | void> = async () => {}
  onFlush: () => Promise<void> = async () => {}
  readonly sink: Sink<T>

  constructor(options: Partial<Sink<T>> & { readonly session?: Partial<SinkSession<T>> } = {}) {
    const { session, ...more } = options
    this.sink = {
      name: 'noting',
      ...more,
      open: async () => ({
        write: async (batch, signal) => {
          this.batches.push(batch)
          return await this.onWrite(batch, signal)
        },
        flush: async () => {
          this.flushes++
          await this.onFlush()
        },
        close: async () => {
          this.closed++
        },
        ...session,
      }),
    }
  }

  get values(): T[] {
    return this.batches.flatMap(({ records }) => records.map(({ value }) => value))
  }
}

/** A quarantine that writes down what it gets. */
export class NotingQuarantine {
  readonly failures: Failure[] = []
  onPut: () => Promise<void> = async () => {}
  readonly quarantine: Quarantine = {
    name: 'noting',
    open: async () => ({
      put: async failures => {
        await this.onPut()
        this.failures.push(...failures)
      },
    }),
    async *list() {},
    async release() {},
  }
}

// biome-ignore lint/suspicious/noExplicitAny: what flows through a pipeline of the engine's tests is nobody's business
type Anything = any

/** A pipeline of parts whose types a test need not spell out. */
export function pipelineOf(parts: {
  readonly source: Source<Anything> | Readonly<Record<string, Source<Anything>>>
  readonly sink: Sink<Anything>
  readonly steps?: (records: Anything, flow: Flow) => Observable<Envelope<Anything>>
  readonly onFailure?: Quarantine | 'halt'
  readonly limits?: Partial<Limits>
}): Pipeline {
  const { steps = (records: Observable<Envelope<unknown>>) => records, onFailure = 'halt', ...more } = parts
  return definePipeline({ name: 'p', steps, onFailure, ...more } as never) as Pipeline
}

export { type VirtualClock, virtualClock }
