import { memoryQuarantine, memorySink, memorySource } from 'millrace/testing'
import type { Observable } from 'rxjs'
import { describe, expect, test } from 'vitest'
import { type Clock, delay } from '../../../src/core/clock.js'
import type { Envelope } from '../../../src/core/envelope.js'
import type { RunFlow } from '../../../src/core/flow.js'
import { recordOperator } from '../../../src/core/operator.js'
import type { Sink, SinkContext } from '../../../src/core/sink.js'
import { handle } from '../../../src/operators/handle.js'
import { away, FedSource, gate, NotingSink, numbered, pipelineOf, virtualClock } from './parts.js'

type Records = Observable<Envelope<number>>
const waitLong = { maxRecords: 100, maxWaitMs: 900_000 }

describe('start', () => {
  test('waits for a sink that is away, and shows it as starting', async () => {
    const clock = virtualClock()
    let tries = 0
    const { sink } = new NotingSink()
    const late = { ...sink, open: (context: SinkContext) => (++tries < 5 ? Promise.reject(away()) : sink.open(context)) }
    const run = pipelineOf({ source: memorySource([1]), sink: late }).start({ clock })
    await clock.advance(50)
    expect(run.snapshot().state).toBe('starting')
    expect(await clock.until(run.finished)).toMatchObject({ delivered: 1 })
  })

  test.each(['sink', 'source', 'quarantine'] as const)(
    'gives up after startTimeoutMs while the %s is away, with the reason',
    async part => {
      const clock = virtualClock()
      const gone = async () => {
        throw away('nobody there')
      }
      const fed = new FedSource(part === 'source' ? { onOpen: gone } : {})
      const noting = new NotingSink()
      const sink = part === 'sink' ? { ...noting.sink, open: gone } : noting.sink
      const onFailure = part === 'quarantine' ? { ...memoryQuarantine(), open: gone } : memoryQuarantine()
      const run = pipelineOf({ source: fed.source, sink, onFailure, limits: { startTimeoutMs: 2_000 } }).start({ clock })
      await clock.advance(1_999)
      expect(run.snapshot().state).toBe('starting')
      await clock.advance(1)
      await expect(clock.until(run.finished)).rejects.toMatchObject({ code: 'MILL_START_TIMEOUT', cause: { message: 'nobody there' } })
      expect(noting.closed).toBe(part === 'sink' ? 0 : 1)
      expect(clock.pending).toBe(0)
    },
  )

  test('gives up on a sink that never opens, and closes it when it opens too late', async () => {
    const clock = virtualClock()
    const noting = new NotingSink()
    const opened = gate()
    const sink = opensAfter(opened.promise, noting.sink)
    const run = pipelineOf({ source: memorySource([1]), sink, limits: { startTimeoutMs: 2_000 } }).start({ clock })
    await clock.advance(2_000)
    await expect(clock.until(run.finished)).rejects.toMatchObject({ code: 'MILL_START_TIMEOUT' })
    opened.open()
    await clock.advance(0)
    expect(noting.closed).toBe(1)
  })

  test('does not wait for what is wrong and not away', async () => {
    const clock = virtualClock()
    const sink = { ...new NotingSink().sink, open: () => Promise.reject(new TypeError('no such table')) }
    const run = pipelineOf({ source: memorySource([1]), sink }).start({ clock })
    await expect(clock.until(run.finished)).rejects.toMatchObject({ code: 'MILL_SINK_FAILED', cause: { message: 'no such table' } })
  })

  test('of a sink without the ledger that it promises ends the run', async () => {
    const clock = virtualClock()
    const run = pipelineOf({ source: memorySource([1]), sink: new NotingSink({ ledger: true }).sink }).start({ clock })
    await expect(clock.until(run.finished)).rejects.toMatchObject({ code: 'MILL_LEDGER_UNSUPPORTED' })
  })

  test('can be stopped', async () => {
    const clock = virtualClock()
    const { sink } = new NotingSink()
    const fed = new FedSource()
    const opened = gate()
    const run = pipelineOf({
      source: fed.source,
      sink: opensAfter(opened.promise, sink),
    }).start({ clock })
    const stopped = run.stop()
    opened.open()
    expect(await clock.until(stopped)).toMatchObject({ delivered: 0 })
    expect(fed.reads).toBe(0)
    expect(run.snapshot().state).toBe('stopped')
  })
})

describe('stop', () => {
  test('writes now, whatever batch timers say, commits, and ends', async () => {
    const clock = virtualClock()
    const fed = new FedSource()
    const noting = new NotingSink<number>({ batch: waitLong })
    // A handler that never rests, so that the writer has no reason of its own to write.
    const busy = recordOperator<number, number>('busy', out => {
      let isBusy = false
      return record => {
        if (isBusy) out.next(record)
        else record.fail(new Error('first'), 'busy')
        isBusy = true
      }
    })
    const put = gate()
    const quarantine = memoryQuarantine()
    const held = { ...quarantine, scope: {}, open: async () => ({ put: async () => await put.promise }) }
    const run = pipelineOf({
      source: fed.source,
      sink: noting.sink,
      steps: (records: Records) => records.pipe(busy),
      onFailure: held,
    }).start({ clock })
    fed.give(...numbered(0, 5))
    await clock.advance(600_000)
    expect(noting.batches).toEqual([])
    const before = clock.now()
    const stopped = run.stop()
    await clock.advance(0)
    expect(noting.values).toEqual([1, 2, 3, 4])
    put.open()
    expect(await clock.until(stopped)).toMatchObject({ delivered: 4, quarantined: 1 })
    expect(clock.now() - before).toBeLessThan(100)
    expect(fed.committed).toEqual({ 0: 5 })
    expect([fed.closed, noting.closed, clock.pending]).toEqual([1, 1, 0])
  })

  test('waits for handlers, and writes what they give at once', async () => {
    const clock = virtualClock()
    const fed = new FedSource()
    const noting = new NotingSink<number>({ batch: waitLong })
    const run = pipelineOf({ source: fed.source, sink: noting.sink, steps: (records: Records) => records.pipe(slow(clock, 500)) }).start({
      clock,
    })
    fed.give(...numbered(0, 3))
    await clock.advance(10)
    const stopped = run.stop()
    expect(run.snapshot().state).toBe('draining')
    expect(await clock.until(stopped)).toMatchObject({ delivered: 3 })
    expect(fed.committed).toEqual({ 0: 3 })
  })

  test('ends after stopTimeoutMs while the sink is away, and then nothing more is committed', async () => {
    const clock = virtualClock()
    const fed = new FedSource()
    const noting = new NotingSink<number>({ batch: { maxRecords: 1 } })
    noting.onWrite = async ({ records }) => {
      if (records[0]!.value >= 2) throw away()
    }
    const run = pipelineOf({ source: fed.source, sink: noting.sink, limits: { stopTimeoutMs: 3_000 } }).start({ clock })
    fed.give(...numbered(0, 4))
    await clock.advance(1_000)
    expect(run.snapshot()).toMatchObject({ state: 'waiting', inFlight: 2 })
    const before = clock.now()
    await expect(clock.until(run.stop())).rejects.toMatchObject({ code: 'MILL_STOP_TIMEOUT', details: { inFlight: 2 } })
    expect(clock.now() - before).toBe(3_000)
    expect(fed.committed).toEqual({ 0: 2 })
    expect(run.snapshot().state).toBe('failed')
    expect(clock.pending).toBe(0)
  })

  test('ends at once while a part that is away is waited for at start', async () => {
    const clock = virtualClock()
    const noting = new NotingSink<number>()
    let attempts = 0
    const sink = { ...noting.sink, open: () => Promise.reject(Object.assign(away(), { attempt: ++attempts })) }
    const run = pipelineOf({ source: new FedSource().source, sink }).start({ clock })
    await clock.advance(2_000)
    expect([run.snapshot().state, attempts > 1]).toEqual(['starting', true])
    const [before, tried] = [clock.now(), attempts]
    expect(await clock.until(run.stop())).toMatchObject({ delivered: 0 })
    expect([clock.now() - before, attempts - tried, run.snapshot().state, clock.pending]).toEqual([0, 0, 'stopped', 0])
  })

  test('does not wait for a source whose read never ends', async () => {
    const clock = virtualClock()
    const { source } = new FedSource()
    const deaf = { ...source, open: async () => ({ read: () => new Promise<null>(() => {}) }) }
    const run = pipelineOf({ source: deaf, sink: memorySink() }).start({ clock })
    await clock.advance(10)
    const before = clock.now()
    await clock.until(run.stop())
    expect(clock.now()).toBe(before)
  })

  test('happens with the signal that the run was started with', async () => {
    const clock = virtualClock()
    const fed = new FedSource()
    const controller = new AbortController()
    const run = pipelineOf({ source: fed.source, sink: memorySink() }).start({ clock, signal: controller.signal })
    fed.give(...numbered(0, 3))
    await clock.advance(10)
    controller.abort()
    expect(await clock.until(run.finished)).toMatchObject({ delivered: 3 })
  })

  test('happens at once with a signal that was aborted before', async () => {
    const clock = virtualClock()
    const run = pipelineOf({ source: memorySource([1, 2]), sink: memorySink() }).start({ clock, signal: AbortSignal.abort() })
    expect(await clock.until(run.finished)).toMatchObject({ delivered: 0 })
  })

  test('happens when the run is disposed of', async () => {
    const clock = virtualClock()
    const fed = new FedSource()
    const noting = new NotingSink()
    const run = pipelineOf({ source: fed.source, sink: noting.sink }).start({ clock })
    fed.give(...numbered(0, 3))
    await clock.advance(0)
    await clock.until(Promise.resolve(run[Symbol.asyncDispose]()))
    expect(fed.committed).toEqual({ 0: 3 })
    expect(noting.closed).toBe(1)
  })
})

describe('abort', () => {
  test('ends at once, commits nothing more, and gives the summary so far', async () => {
    const clock = virtualClock()
    const fed = new FedSource()
    const noting = new NotingSink<number>({ batch: { maxRecords: 2, maxWaitMs: 900_000 } })
    const run = pipelineOf({
      source: fed.source,
      sink: noting.sink,
      steps: (records: Records) => records.pipe(slowFrom(clock, 2, 1_000)),
    }).start({
      clock,
    })
    fed.give(...numbered(0, 5))
    await clock.advance(10)
    expect(await clock.until(run.abort(new Error('enough')))).toMatchObject({ delivered: 2 })
    await expect(run.finished).rejects.toMatchObject({ code: 'MILL_RUN_ABORTED', cause: { message: 'enough' } })
    expect(fed.committed).toEqual({ 0: 2 })
    await clock.advance(10_000)
    expect(noting.values).toEqual([0, 1])
  })

  test('is not held up for long by a write that does not heed the signal', async () => {
    const clock = virtualClock()
    const fed = new FedSource()
    const noting = new NotingSink({ batch: { maxRecords: 1 } })
    noting.onWrite = () => new Promise(() => {})
    const run = pipelineOf({ source: fed.source, sink: noting.sink }).start({ clock })
    fed.give(...numbered(0, 1))
    await clock.advance(10)
    const before = clock.now()
    await clock.until(run.abort())
    expect(clock.now() - before).toBeLessThanOrEqual(5_000)
    expect([fed.closed, noting.closed]).toEqual([1, 1])
  })

  test('does not let stop take longer than its time and a short while', async () => {
    const clock = virtualClock()
    const fed = new FedSource()
    const noting = new NotingSink({ batch: { maxRecords: 1 } })
    noting.onWrite = () => new Promise(() => {})
    const run = pipelineOf({ source: fed.source, sink: noting.sink }).start({ clock })
    fed.give(...numbered(0, 1))
    await clock.advance(10)
    const before = clock.now()
    await expect(clock.until(run.stop())).rejects.toMatchObject({ code: 'MILL_STOP_TIMEOUT' })
    expect(clock.now() - before).toBeLessThanOrEqual(30_000)
  })

  test('aborts the signal that handlers get', async () => {
    const clock = virtualClock()
    const fed = new FedSource()
    let reason: unknown
    const handler = recordOperator<number, number>('handler', () => record => {
      record.flow.signal.addEventListener('abort', () => {
        reason = record.flow.signal.reason
      })
    })
    const run = pipelineOf({ source: fed.source, sink: memorySink(), steps: (records: Records) => records.pipe(handler) }).start({ clock })
    fed.give(...numbered(0, 1))
    await clock.advance(10)
    await clock.until(run.abort())
    expect(reason).toMatchObject({ code: 'MILL_RUN_ABORTED' })
  })
})

describe('the end of a run', () => {
  test('of which nobody waits is no unhandled rejection', async () => {
    const clock = virtualClock()
    const unhandled: unknown[] = []
    const note = (reason: unknown) => void unhandled.push(reason)
    process.on('unhandledRejection', note)
    const run = pipelineOf({ source: memorySource([1]), sink: memorySink(), steps: () => failing() }).start({ clock })
    await clock.advance(1_000)
    process.off('unhandledRejection', note)
    expect(run.snapshot().state).toBe('failed')
    expect(unhandled).toEqual([])
  })

  test('waits for the last commit', async () => {
    const clock = virtualClock()
    const fed = new FedSource()
    const committing = gate()
    fed.onCommit = () => committing.promise
    const run = pipelineOf({ source: fed.source, sink: memorySink() }).start({ clock })
    fed.give(...numbered(0, 3))
    fed.end()
    await clock.advance(1_000)
    expect(run.snapshot().state).toBe('running')
    committing.open()
    expect(await clock.until(run.finished)).toMatchObject({ delivered: 3 })
  })

  test('of a failed run commits what was settled', async () => {
    const clock = virtualClock()
    const fed = new FedSource()
    const noting = new NotingSink<number>({ batch: { maxRecords: 1 }, maxConcurrentWrites: 2 })
    const first = gate()
    noting.onWrite = async ({ records }) => {
      if (records[0]!.value === 0) await first.promise
      else if (records[0]!.value === 1) throw new TypeError('a bug')
    }
    const run = pipelineOf({ source: fed.source, sink: noting.sink }).start({ clock })
    fed.give(...numbered(0, 3))
    await clock.advance(0)
    first.open()
    await expect(clock.until(run.finished)).rejects.toMatchObject({ code: 'MILL_SINK_FAILED' })
    expect(fed.committed).toEqual({ 0: 1 })
  })

  test('leaves the pipeline as it was: it runs again, and twice at once', async () => {
    const clock = virtualClock()
    const rows: number[][] = []
    const { source } = new FedSource()
    const lists = { ...source, open: async () => {
      let isDone = false
      return { read: async () => {
        if (isDone) return null
        isDone = true
        return numbered(0, 50)
      } }
    } } // biome-ignore format: a source of one read
    const { sink } = new NotingSink<number>()
    const noting = { ...sink, open: async () => {
      const own: number[] = []
      rows.push(own)
      return { write: async ({ records }: { records: readonly Envelope<number>[] }) => void own.push(...records.map(({ value }) => value)) }
    } } // biome-ignore format: a sink with rows a run
    const pipeline = pipelineOf({ source: lists, sink: noting, steps: (records: Records) => records.pipe(slow(clock, 5)) })
    await clock.until(pipeline.start({ clock }).finished)
    const both = [pipeline.start({ clock }), pipeline.start({ clock })]
    for (const run of both) expect(await clock.until(run.finished)).toMatchObject({ delivered: 50 })
    expect(rows.map(own => own.length)).toEqual([50, 50, 50])
  })

  test('is told in the summary, by codes and reasons', async () => {
    const clock = virtualClock()
    const fates = recordOperator<number, number>('fates', out => record => {
      if (record.value % 3 === 0) record.skip('a third')
      else if (record.value % 3 === 1) record.fail(Object.assign(new Error('no'), { code: 'E_NO' }), 'fates')
      else out.next(record)
    })
    const run = pipelineOf({
      source: memorySource([0, 1, 2, 3, 4]),
      sink: memorySink(),
      steps: (records: Records) => records.pipe(fates),
      onFailure: memoryQuarantine(),
    }).start({ clock })
    expect(await clock.until(run.finished)).toEqual({
      delivered: 1,
      skipped: 2,
      quarantined: 2,
      reasons: { 'a third': 2, E_NO: 2 },
      seconds: expect.any(Number),
    })
  })
})

describe('the snapshot', () => {
  test('tells what is under way, how old it is, and what the source has still to give', async () => {
    const clock = virtualClock()
    const source = memorySource([1, 2, 3, 4, 5, 6], { bytes: () => 10, endless: true })
    const run = pipelineOf({
      source,
      sink: new NotingSink({ batch: { maxRecords: 2 } }).sink,
      steps: (records: Records) => records.pipe(slow(clock, 60_000)),
      limits: { maxInFlight: 4 },
    }).start({ clock })
    await clock.advance(5_000)
    expect(run.snapshot()).toMatchObject({
      state: 'running',
      inFlight: 4,
      inFlightBytes: 40,
      oldestUnsettledMs: 5_000,
      heldRecords: 0,
      delivered: 0,
      seconds: 5,
    })
    expect([...run.snapshot().lag]).toEqual([['memory 0', 2]])
    await clock.advance(120_000)
    expect(run.snapshot()).toMatchObject({ inFlight: 0, inFlightBytes: 0, oldestUnsettledMs: 0, delivered: 6 })
    await clock.until(run.stop())
    expect(run.snapshot().state).toBe('stopped')
  })

  test('shows that a handler waits for something that is away', async () => {
    const clock = virtualClock()
    const fed = new FedSource()
    const back = gate()
    const waiting = recordOperator<number, number>('waiting', out => record => {
      const flow = record.flow as RunFlow
      flow.began()
      flow.waits(away())
      void back.promise.then(() => {
        flow.resumed()
        out.next(record)
        flow.ended()
      })
    })
    const run = pipelineOf({ source: fed.source, sink: memorySink(), steps: (records: Records) => records.pipe(waiting) }).start({ clock })
    fed.give(...numbered(0, 1))
    await clock.advance(3_600_000)
    expect(run.snapshot().state).toBe('waiting')
    back.open()
    await clock.advance(0)
    expect(run.snapshot()).toMatchObject({ state: 'running', delivered: 1 })
    await clock.until(run.stop())
  })

  test('shows that the source is away, and reads on when it is back', async () => {
    const clock = virtualClock()
    let tries = 0
    const { source } = new FedSource()
    const flaky = { ...source, open: async () => ({ read: async () => {
      if (++tries < 10) throw away()
      return tries === 10 ? numbered(0, 1) : null
    } }) } // biome-ignore format: a source of one read
    const run = pipelineOf({ source: flaky, sink: memorySink() }).start({ clock })
    await clock.advance(500)
    expect(run.snapshot().state).toBe('waiting')
    expect(await clock.until(run.finished)).toMatchObject({ delivered: 1 })
  })
})

/** A handler that takes so long. */
function slow(clock: Clock, ms: number) {
  return slowFrom(clock, 0, ms)
}

/** The same, from this value on. */
function slowFrom(clock: Clock, from: number, ms: number) {
  return handle(
    async (value: number, { signal }) => {
      if (value >= from) await delay(clock, ms, signal)
      return value
    },
    { concurrency: 1_000, order: 'none' },
  )
}

function failing(): never {
  throw new TypeError('no steps')
}

function opensAfter(opened: Promise<void>, sink: Sink<unknown>): Sink<unknown> {
  return { ...sink, open: context => opened.then(() => sink.open(context)) }
}

describe('a run that has ended', () => {
  test('leaves no timer behind when it is told to stop while it closes', async () => {
    const clock = virtualClock()
    const closing = gate()
    const sink = new NotingSink({ session: { close: () => closing.promise } })
    const run = pipelineOf({ source: memorySource([1]), sink: sink.sink }).start({ clock })
    await clock.advance(200)
    const stopped = run.stop()
    closing.open()
    expect(await clock.until(stopped)).toMatchObject({ delivered: 1 })
    expect(clock.pending).toBe(0)
  })

  test('does not go on taking over a partition', async () => {
    const clock = virtualClock()
    let tries = 0
    const takeOver = async () => {
      tries++
      throw away()
    }
    const { sink } = new NotingSink({ ledger: true, session: { takeOver } })
    const run = pipelineOf({ source: memorySource([1]), sink }).start({ clock })
    await clock.advance(1_000)
    await clock.until(run.stop())
    const before = tries
    expect(before).toBeGreaterThan(1)
    await clock.advance(60_000)
    expect([tries, clock.pending]).toEqual([before, 0])
  })
})
