import { memoryQuarantine, memorySource } from 'millrace/testing'
import { describe, expect, test } from 'vitest'
import type { Logger } from '../../../src/core/log.js'
import { BatchError, CoveredError, type SinkSession } from '../../../src/core/sink.js'
import type { RunObserver, StartedBatch, WrittenBatch } from '../../../src/runtime/observer.js'
import { away, FedSource, gate, NotingSink, numbered, pipelineOf, virtualClock } from './parts.js'

interface Watching {
  readonly observer: RunObserver
  readonly states: string[]
  readonly written: WrittenBatch[]
  readonly retried: unknown[]
}

function watching(): Watching {
  const states: string[] = []
  const written: WrittenBatch[] = []
  const retried: unknown[] = []
  const observer: RunObserver = {
    state: state => void states.push(state),
    wrote: batch => void written.push(batch),
    retried: reason => void retried.push(reason),
  }
  return { observer, states, written, retried }
}

describe('whoever watches a run', () => {
  test('is told of each batch: rows, bytes, seconds, attempts', async () => {
    const clock = virtualClock()
    const { observer, written, states } = watching()
    const noting = new NotingSink<number>({ batch: { maxRecords: 2 } })
    noting.onWrite = () => new Promise(resolve => clock.after(250, resolve))
    const run = pipelineOf({ source: memorySource([1, 2, 3]), sink: noting.sink }).start({ clock, observer })
    await clock.until(run.finished)
    expect(written).toEqual([
      { records: 2, bytes: expect.any(Number), seconds: 0.25, attempts: 1, isWritten: true },
      { records: 1, bytes: expect.any(Number), seconds: 0.25, attempts: 1, isWritten: true },
    ])
    expect(states).toEqual(['running', 'draining', 'stopped'])
  })

  test('is told of each further attempt, and of the waiting', async () => {
    const clock = virtualClock()
    const { observer, written, retried, states } = watching()
    const noting = new NotingSink<number>()
    let failures = 0
    noting.onWrite = async () => {
      if (++failures <= 2) throw away('gone')
    }
    const run = pipelineOf({ source: memorySource([1]), sink: noting.sink }).start({ clock, observer })
    await clock.until(run.finished)
    expect(written).toMatchObject([{ records: 1, attempts: 3, isWritten: true }])
    expect(written[0]!.seconds).toBeGreaterThan(0.1)
    expect(retried).toMatchObject([{ message: 'gone' }, { message: 'gone' }])
    expect(states.slice(0, 3)).toEqual(['running', 'waiting', 'running'])
  })

  test.each([[false], [true]])('hears only of rows that were written, with a ledger: %s', async ledger => {
    const clock = virtualClock()
    const { observer, written } = watching()
    const takeOver: SinkSession<unknown>['takeOver'] = async (_source, _partition, mark) => ({ epoch: 1n, covered: [], mark })
    const noting = new NotingSink<number>({ ledger, ...(ledger && { session: { takeOver } }) })
    noting.onWrite = async ({ records }) => {
      const failed = records.findIndex(({ value }) => value === 2)
      if (failed >= 0) throw new BatchError(new Map([[failed, new Error('two')]]))
    }
    const run = pipelineOf({ source: memorySource([1, 2, 3]), sink: noting.sink, onFailure: memoryQuarantine() }).start({ clock, observer })
    await clock.until(run.finished)
    expect(written).toMatchObject([{ records: 2, isWritten: true }])
  })

  test('does not hear of rows that were delivered before', async () => {
    const clock = virtualClock()
    const { observer, written } = watching()
    const noting = new NotingSink<number>()
    noting.onWrite = async () => {
      throw new CoveredError([{ source: 'memory', partition: '0', positions: [[0, 9]] }])
    }
    const run = pipelineOf({ source: memorySource([1, 2, 3]), sink: noting.sink }).start({ clock, observer })
    await clock.until(run.finished)
    expect(written).toMatchObject([{ records: 0, attempts: 1, isWritten: true }])
  })

  test('hears of a batch that was given up with the run', async () => {
    const clock = virtualClock()
    const { observer, written } = watching()
    const noting = new NotingSink<number>()
    noting.onWrite = async () => {
      throw new Error('for good')
    }
    const run = pipelineOf({ source: memorySource([1]), sink: noting.sink }).start({ clock, observer })
    await clock.until(run.finished.catch(() => {}))
    expect(written).toMatchObject([{ records: 0, attempts: 1, isWritten: false }])
  })

  test('may stand around the writing of a batch, all its attempts', async () => {
    const clock = virtualClock()
    const seen: (StartedBatch | WrittenBatch)[] = []
    const observer: RunObserver = {
      async around(batch, write) {
        seen.push({ ...batch, records: [...batch.records] })
        const written = await write()
        seen.push(written)
        return written
      },
    }
    const noting = new NotingSink<number>()
    let failures = 0
    noting.onWrite = async () => {
      if (++failures === 1) throw away()
    }
    const run = pipelineOf({ source: memorySource([7]), sink: noting.sink }).start({ clock, observer })
    await clock.until(run.finished)
    expect(seen).toMatchObject([
      { pipeline: 'p', sink: 'noting', records: [{ value: 7 }] },
      { records: 1, attempts: 2, isWritten: true },
    ])
  })

  test('changes nothing by throwing, by writing twice, or by not writing at all', async () => {
    const fault = () => {
      throw new Error('observer')
    }
    const observers: RunObserver[] = [
      { state: fault, wrote: fault, retried: fault, around: fault },
      { around: () => Promise.reject(new Error('observer')) },
      { around: (_, write) => write().then(() => write()) },
      { around: () => undefined as never },
      { around: () => new Promise(() => {}) },
    ]
    for (const observer of observers) {
      const clock = virtualClock()
      const warnings: string[] = []
      const log: Logger = { debug() {}, info() {}, error() {}, warn: message => void warnings.push(message) }
      const noting = new NotingSink<number>({ batch: { maxRecords: 1 } })
      const run = pipelineOf({ source: memorySource([1, 2]), sink: noting.sink }).start({ clock, observer, log })
      expect(await clock.until(run.finished)).toMatchObject({ delivered: 2 })
      expect(noting.values).toEqual([1, 2])
      expect(warnings.length > 0).toBe(observer === observers[0] || observer === observers[1])
    }
  })
})

test('a snapshot leaves out the lag of a source that cannot tell it', async () => {
  const clock = virtualClock()
  const fault = () => {
    throw new Error('lag')
  }
  const source = { ...new FedSource<number>().source }
  const { open } = source
  const broken = { ...source, open: async (context: never) => ({ ...(await open(context)), lag: fault }) }
  const run = pipelineOf({ source: broken as never, sink: new NotingSink().sink }).start({ clock })
  await clock.advance(10)
  expect(run.snapshot()).toMatchObject({ state: 'running', lag: new Map() })
  await clock.until(run.stop())
})

test('a snapshot tells how many stretches are settled beyond one that is not, and what was quarantined for what', async () => {
  const clock = virtualClock()
  const source = new FedSource()
  const noting = new NotingSink<number>({ batch: { maxRecords: 1 }, maxConcurrentWrites: 4 })
  const slow = gate()
  noting.onWrite = async ({ records }) => {
    if (records[0]!.value === 9) throw new BatchError(new Map([[0, new TypeError('nine')]]))
    if (records[0]!.value === 0 || records[0]!.value === 2) await slow.promise
  }
  const run = pipelineOf({ source: source.source, sink: noting.sink, onFailure: memoryQuarantine() }).start({ clock })
  source.give(...numbered(0, 4), ...numbered(9, 10))
  await clock.advance(10)
  expect(run.snapshot()).toMatchObject({ holes: 2, quarantinedBy: { TypeError: 1 }, reasons: { TypeError: 1 } })
  slow.open()
  await clock.until(run.stop())
  expect(run.snapshot().holes).toBe(0)
})
