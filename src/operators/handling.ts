import { attemptsOf, noteAttempts, rememberAttempt } from '../core/attempts.js'
import type { Envelope } from '../core/envelope.js'
import type { RunFlow } from '../core/flow.js'
import { isRetryable } from '../core/retryable.js'
import { FAILED, Job, Retry } from './job.js'
import { Lane } from './lane.js'
import { give, isThenable } from './result.js'
import { Ring } from './ring.js'
import type { Exit, Work } from './work-operator.js'

/** What {@link Handling} is told. */
export interface HandlingRules<In, Out> {
  readonly stage: string
  /** Works on the record; a promise for what takes time. */
  readonly run: (record: Envelope<In>, attempt: number) => unknown
  readonly concurrency: number
  /** `source`: results go out as the records came in. `none`: as they are finished. `key`: one record of a key at a time. */
  readonly order: 'source' | 'key' | 'none'
  /** Only with order `key`. Null has no order. */
  readonly keyOf: (record: Envelope<In>) => string | null
  /** Sends on what `run` gave. Default: as a value, or a skip. */
  readonly give?: (record: Envelope<In>, result: unknown, out: Exit<Out>) => void
}

/**
 * The work of `handle`: at most `concurrency` records at once, the others queue, results go out in the order wanted.
 *
 * A record is in exactly one place: in `waiting` (or behind its key's lane), `active`, or finished in `line` behind an older one.
 * A result that is there at once, with nothing ahead, makes no job, no promise and no queue entry: that is the common case.
 */
export class Handling<In, Out> implements Work<In> {
  /** Records without a key, and lanes whose next record may go, in the order of their turn. */
  private waiting = new Ring<Envelope<In> | Lane<In>>()
  /** Order `source`: begun and not gone out, oldest first. */
  private line = new Ring<Job<In>>()
  /** Order `key`: the keys with a record at work or waiting. */
  private readonly lanes = new Map<string, Lane<In>>()
  /** Jobs that wait for infrastructure. They keep their place among the active. */
  private readonly away = new Set<Job<In>>()
  private active = 0
  private inside = 0
  private isStopped = false
  private flow: RunFlow | null = null
  private readonly onAbort = () => this.stop()

  constructor(
    private readonly rules: HandlingRules<In, Out>,
    private readonly out: Exit<Out>,
  ) {}

  get isIdle(): boolean {
    return this.inside === 0
  }

  take(record: Envelope<In>): void {
    if (this.flow === null) this.enter(record.flow as RunFlow)
    if (this.isStopped) return
    const { order, keyOf, concurrency } = this.rules
    const key = order === 'key' ? keyOf(record) : null
    const lane = key === null ? undefined : this.lanes.get(key)
    if (lane !== undefined) {
      this.inside++
      lane.queue.push(record)
    } else if (this.active < concurrency && this.waiting.size === 0) this.begin(record, key, null)
    else this.queue(record, key)
  }

  stop(): void {
    if (this.isStopped) return
    this.isStopped = true
    const { flow } = this
    if (flow !== null) {
      flow.signal.removeEventListener('abort', this.onAbort)
      for (; this.active > 0; this.active--) flow.ended()
      for (const { retry } of this.away) {
        retry!.cancel?.()
        flow.resumed()
      }
    }
    this.away.clear()
    this.lanes.clear()
    this.waiting = new Ring()
    this.line = new Ring()
    this.inside = 0
  }

  private enter(flow: RunFlow): void {
    this.flow = flow
    if (flow.signal.aborted) this.stop()
    else flow.signal.addEventListener('abort', this.onAbort)
  }

  private queue(record: Envelope<In>, key: string | null): void {
    this.inside++
    if (key === null) this.waiting.push(record)
    else {
      const lane = this.openLane(key)
      lane.queue.push(record)
      this.waiting.push(lane)
    }
  }

  /** The first try. False when it is finished at once. */
  private begin(record: Envelope<In>, key: string | null, lane: Lane<In> | null): boolean {
    let result: unknown
    try {
      result = this.rules.run(record, 1)
    } catch (error) {
      if (this.isStopped) return false
      if (!isRetryable(error)) {
        record.fail(error, this.rules.stage)
        return false
      }
      this.wait(this.open(record, key, lane), error)
      return true
    }
    if (this.isStopped) return false
    if (isThenable(result)) {
      this.follow(this.open(record, key, lane), result)
      return true
    }
    if (this.line.size === 0) this.give(record, result)
    else {
      this.inside++
      this.line.push(new Job(record, null, true, result))
    }
    return false
  }

  private open(record: Envelope<In>, key: string | null, lane: Lane<In> | null): Job<In> {
    const job = new Job(record, lane ?? (key === null ? null : this.openLane(key)), false, undefined)
    this.active++
    this.inside++
    this.flow!.began()
    if (this.rules.order === 'source') this.line.push(job)
    return job
  }

  private openLane(key: string): Lane<In> {
    const lane = new Lane<In>(key)
    this.lanes.set(key, lane)
    return lane
  }

  private follow(job: Job<In>, result: PromiseLike<unknown>): void {
    // Only a real promise is sure to call back once, and later.
    const promise = result instanceof Promise ? result : Promise.resolve(result)
    promise.then(
      value => this.finish(job, value),
      error => this.reject(job, error),
    )
  }

  private reject(job: Job<In>, error: unknown): void {
    if (this.isStopped) return
    if (isRetryable(error)) this.wait(job, error)
    else {
      const { retry } = job
      if (retry !== null) noteAttempts(error, [...retry.attempts, ...attemptsOf(error, this.flow!.clock.now())])
      job.record.fail(error, this.rules.stage)
      this.finish(job, FAILED)
    }
  }

  /** Law 6: what is away is waited for, as long as it takes. */
  private wait(job: Job<In>, error: unknown): void {
    const flow = this.flow!
    if (job.retry === null) {
      job.retry = new Retry()
      this.away.add(job)
      flow.waits(error)
    } else job.retry.backoff = job.retry.backoff.next()
    const { retry } = job
    rememberAttempt(retry.attempts, { at: flow.clock.now(), error })
    retry.cancel = flow.clock.after(retry.backoff.delayMs, () => this.again(job, retry))
  }

  private again(job: Job<In>, retry: Retry): void {
    retry.cancel = null
    retry.attempt++
    let result: unknown
    try {
      result = this.rules.run(job.record, retry.attempt)
    } catch (error) {
      this.reject(job, error)
      return
    }
    if (isThenable(result)) this.follow(job, result)
    else this.finish(job, result)
  }

  private finish(job: Job<In>, result: unknown): void {
    if (this.isStopped) return
    this.active--
    this.flow!.ended()
    if (job.retry !== null && this.away.delete(job)) this.flow!.resumed()
    job.isDone = true
    job.result = result
    if (this.rules.order === 'source') this.drainLine()
    else {
      this.inside--
      if (result !== FAILED) this.give(job.record, result)
    }
    // Whoever is below may have left while the result went out.
    if (this.isStopped) return
    if (job.lane !== null) this.passOn(job.lane)
    this.pump()
    if (this.inside === 0) this.out.idle()
  }

  private drainLine(): void {
    for (let head = this.line.peek(); head?.isDone; head = this.line.peek()) {
      this.line.shift()
      this.inside--
      if (head.result !== FAILED) this.give(head.record, head.result)
    }
  }

  /** After results went out, so that a record that is finished at once cannot overtake them. */
  private pump(): void {
    while (this.active < this.rules.concurrency) {
      const next = this.waiting.shift()
      if (next === undefined) return
      this.inside--
      if (!(next instanceof Lane)) this.begin(next, null, null)
      else if (!this.begin(next.queue.shift()!, next.key, next)) this.passOn(next)
    }
  }

  /** The lane's record is finished: the next one of its key takes its turn behind the others that wait. */
  private passOn(lane: Lane<In>): void {
    if (lane.hasQueue && lane.queue.size > 0) this.waiting.push(lane)
    else this.lanes.delete(lane.key)
  }

  private give(record: Envelope<In>, result: unknown): void {
    try {
      if (this.rules.give === undefined) give(this.rules.stage, record, result, this.out)
      else this.rules.give(record, result, this.out)
    } catch (error) {
      record.fail(error, this.rules.stage)
    }
  }
}
