import { type Clock, systemClock } from '../core/clock.js'
import type { Incoming, Source, SourceContext, SourceSession } from '../core/source.js'
import type { Pipeline } from './pipeline.js'
import { planOf, rememberPlan, startPlan } from './start.js'

/**
 * The same pipeline, which ends when all that was there when it first looked is settled: its sources are read up to where each partition ended then.
 *
 * A source that ends by itself is read to its end, and so is one that cannot tell where its partitions end (it has no `ends`): without an end of
 * its own it is read until the run is stopped. A member of a group that gets no partition ends after a minute.
 */
export function drainedPipeline<S>(pipeline: Pipeline<S>): Pipeline<S> {
  const plan = planOf(pipeline)
  const start: Pipeline<S>['start'] = (options = {}) => {
    const sources = Object.fromEntries(
      Object.entries(plan.sources).map(([name, source]) => [name, drainedSource(source, options.clock ?? systemClock)]),
    )
    return startPlan({ ...plan, sources }, options)
  }
  const drained: Pipeline<S> = Object.freeze({ name: pipeline.name, source: pipeline.source, start })
  rememberPlan(drained, plan)
  return drained
}

/** The same source, read up to where its partitions ended when each was first seen. */
function drainedSource(source: Source<unknown>, clock: Clock): Source<unknown> {
  const open = async (context: SourceContext) => {
    const reach = new Reach()
    const session = await source.open({
      ...context,
      advanced: (partition, next) => {
        reach.to(partition, next)
        context.advanced(partition, next)
      },
      revoked: partitions => {
        reach.without(partitions)
        context.revoked(partitions)
      },
    })
    return session.ends === undefined ? session : bounded(session as SourceSession<unknown, unknown>, reach, clock)
  }
  return { ...source, open } as Source<unknown>
}

function bounded(session: SourceSession<unknown, unknown>, reach: Reach, clock: Clock): SourceSession<unknown, unknown> {
  const openedAt = clock.now()
  const isDone = () => reach.isDone(session, clock.now() - openedAt, clock.now())
  return {
    ...bound(session),
    async read(limit, signal) {
      if (isDone()) return null
      // Reading again while a read is under way is not allowed, so that one is given up only together with the source.
      const end = new AbortController()
      let cancel = () => {}
      const look = () => {
        if (isDone()) end.abort()
        else cancel = clock.after(LOOK_MS, look)
      }
      cancel = clock.after(LOOK_MS, look)
      try {
        const batch = await session.read(limit, AbortSignal.any([signal, end.signal]))
        if (batch === null) return null
        reach.read(batch, clock.now())
        return batch
      } catch (error) {
        if (end.signal.aborted) return null
        throw error
      } finally {
        cancel()
      }
    },
  }
}

const LOOK_MS = 100
/** A partition without lag of which nothing came for so long has nothing left in the source's own queues. */
const QUIET_MS = 1_000
/** A group may take that long until it has noticed that a member is dead. */
const NOTHING_MS = 60_000

/** Members may stand on the prototype of a session; a copy by spreading would lose them. */
function bound(session: SourceSession<unknown, unknown>): SourceSession<unknown, unknown> {
  const { commit, fenced, lag, facts, close } = session
  return {
    read: (limit, signal) => session.read(limit, signal),
    ...(commit !== undefined && { commit: done => commit.call(session, done) }),
    ...(fenced !== undefined && { fenced: partition => fenced.call(session, partition) }),
    ...(lag !== undefined && { lag: () => lag.call(session) }),
    ...(facts !== undefined && { facts: () => facts.call(session) }),
    ...(close !== undefined && { close: () => close.call(session) }),
  }
}

interface Course {
  /** Where it ended when it was first seen. */
  readonly end: number
  /** Since when it has had no lag and given nothing. */
  quietSince: number
}

/** How far the partitions were read. */
class Reach {
  private readonly courses = new Map<string, Course>()
  private readonly reached = new Map<string, number>()

  to(partition: string, next: number): void {
    this.reached.set(partition, Math.max(next, this.reached.get(partition) ?? 0))
  }

  without(partitions: readonly string[]): void {
    for (const partition of partitions) {
      this.courses.delete(partition)
      this.reached.delete(partition)
    }
  }

  read(batch: readonly Incoming<unknown>[], now: number): void {
    // Partitions come in stretches: the books are kept once a stretch.
    for (let i = 0; i < batch.length; i++) {
      const { partition = '0', position, next } = batch[i]!
      if (i + 1 < batch.length && (batch[i + 1]!.partition ?? '0') === partition) continue
      this.to(partition, next ?? Number(position) + 1)
      const course = this.courses.get(partition)
      if (course !== undefined) course.quietSince = now
    }
  }

  isDone(session: SourceSession<unknown, unknown>, openMs: number, now: number): boolean {
    const ends = session.ends!()
    const lag = session.lag?.()
    for (const [partition, end] of ends) {
      if (!this.courses.has(partition)) this.courses.set(partition, { end, quietSince: now })
      if ((lag?.get(partition) ?? 1) > 0) this.courses.get(partition)!.quietSince = now
    }
    if (ends.size === 0) return openMs >= NOTHING_MS
    return [...ends.keys()].every(partition => {
      const { end, quietSince } = this.courses.get(partition)!
      return (this.reached.get(partition) ?? 0) >= end || now - quietSince >= QUIET_MS
    })
  }
}
