import { memoryQuarantine, memorySink, memorySource, memoryStore } from 'millrace/testing'
import { buffer, filter, map, merge, Observable, startWith, take, tap } from 'rxjs'
import { describe, expect, test } from 'vitest'
import { delay } from '../../../src/core/clock.js'
import { type Envelope, join } from '../../../src/core/envelope.js'
import type { RunFlow } from '../../../src/core/flow.js'
import { recordOperator } from '../../../src/core/operator.js'
import { FedSource, NotingQuarantine, NotingSink, numbered, pipelineOf, virtualClock } from './parts.js'

type Records = Observable<Envelope<number>>
const list = (count: number) => memorySource(Array.from({ length: count }, (_, i) => i))

describe('what becomes of the steps', () => {
  test('a record that came out of them a second time ends the run, and is named', async () => {
    const clock = virtualClock()
    const { sink } = new NotingSink()
    const steps = (records: Records) => records.pipe(map(record => [record, record]), (pairs: Observable<Envelope<number>[]>) => flat(pairs)) // biome-ignore format: short
    const run = pipelineOf({ source: list(3), sink, steps }).start({ clock })
    await expect(clock.until(run.finished)).rejects.toMatchObject({
      code: 'MILL_RECORD_EMITTED_TWICE',
      message: expect.stringContaining('memory 0@0'),
    })
  })

  test('a record that was split must not go on itself', async () => {
    const clock = virtualClock()
    const steps = (records: Records) => records.pipe(tap(record => void record.split([1, 2])))
    const run = pipelineOf({ source: list(1), sink: memorySink(), steps }).start({ clock })
    await expect(clock.until(run.finished)).rejects.toMatchObject({ code: 'MILL_RECORD_EMITTED_TWICE' })
  })

  test('something that is no record ends the run, and is shown', async () => {
    const clock = virtualClock()
    const steps = (records: Records) => records.pipe(startWith('hello')) as never
    const run = pipelineOf({ source: list(1), sink: memorySink(), steps }).start({ clock })
    await expect(clock.until(run.finished)).rejects.toMatchObject({
      code: 'MILL_RECORD_NOT_AN_ENVELOPE',
      message: expect.stringContaining('"hello"'),
    })
  })

  test('a throw of a plain operator names the record that was being pushed', async () => {
    const clock = virtualClock()
    const steps = (records: Records) =>
      records.pipe(
        map(record => {
          if (record.value === 2) throw new RangeError('two')
          return record
        }),
      )
    const source = list(5)
    const run = pipelineOf({ source, sink: memorySink(), steps }).start({ clock })
    await expect(clock.until(run.finished)).rejects.toMatchObject({
      code: 'MILL_STEPS_FAILED',
      message: expect.stringContaining('memory 0@2'),
      cause: { message: 'two' },
    })
    expect(source.committed.get('0') ?? 0).toBeLessThanOrEqual(2)
  })

  test('a throw of a record operator fails that record alone', async () => {
    const clock = virtualClock()
    const quarantine = new NotingQuarantine()
    const odd = recordOperator<number, number>('odd', out => record => {
      if (record.value === 2) throw new RangeError('two')
      out.next(record)
    })
    const noting = new NotingSink<number>()
    const run = pipelineOf({
      source: list(5),
      sink: noting.sink,
      steps: (records: Records) => records.pipe(odd),
      onFailure: quarantine.quarantine,
    }).start({ clock })
    expect(await clock.until(run.finished)).toMatchObject({ delivered: 4, quarantined: 1, reasons: { RangeError: 1 } })
    expect(noting.values).toEqual([0, 1, 3, 4])
    expect(quarantine.failures).toMatchObject([{ stage: 'odd', origin: { position: 2 } }])
  })

  test('steps that complete before their source end the run', async () => {
    const clock = virtualClock()
    const run = pipelineOf({ source: list(5), sink: memorySink(), steps: (records: Records) => records.pipe(take(3)) }).start({ clock })
    await expect(clock.until(run.finished)).rejects.toMatchObject({ code: 'MILL_STEPS_ENDED' })
  })

  test('steps that throw when they are made end the run before anything is read', async () => {
    const clock = virtualClock()
    const fed = new FedSource()
    const steps = () => {
      throw new TypeError('no steps')
    }
    const run = pipelineOf({ source: fed.source, sink: memorySink(), steps }).start({ clock })
    await expect(clock.until(run.finished)).rejects.toThrow('no steps')
    expect(fed.reads).toBe(0)
  })
})

describe('forgotten records', () => {
  test('end the run at the end of the stream, at once, with the oldest named', async () => {
    const clock = virtualClock()
    const steps = (records: Records) => records.pipe(filter(({ value }) => value % 2 === 1))
    const run = pipelineOf({ source: list(5), sink: memorySink(), steps }).start({ clock })
    const before = clock.now()
    await expect(clock.until(run.finished)).rejects.toMatchObject({
      code: 'MILL_RECORDS_FORGOTTEN',
      details: { records: 3, origin: 'memory 0@0', ms: 0 },
    })
    expect(clock.now() - before).toBeLessThan(1_000)
  })

  test('end the run when the window is full of them for stallMs, and not before', async () => {
    const clock = virtualClock()
    const fed = new FedSource()
    const steps = (records: Records) => records.pipe(filter(() => false))
    const limits = { maxInFlight: 4, stallMs: 5_000 }
    const run = pipelineOf({ source: fed.source, sink: new NotingSink({ batch: { maxRecords: 2 } }).sink, steps, limits }).start({ clock })
    fed.give(...numbered(7, 11))
    await clock.advance(4_999)
    expect(run.snapshot().state).toBe('running')
    await clock.advance(1)
    await expect(clock.until(run.finished)).rejects.toMatchObject({
      code: 'MILL_RECORDS_FORGOTTEN',
      details: { records: 4, origin: 'fed 0@7', ms: 5_000 },
    })
  })

  test('are not those that a collector holds: it is asked to give them first', async () => {
    const clock = virtualClock()
    const collect = (records: Records, flow: { flushes: Observable<void> }) =>
      records.pipe(
        buffer(flow.flushes),
        filter(members => members.length > 0),
        map(members => join(members, members.length)),
      )
    const fed = new FedSource()
    const noting = new NotingSink<number>({ batch: { maxRecords: 2 } })
    const run = pipelineOf({ source: fed.source, sink: noting.sink, steps: collect, limits: { maxInFlight: 4, stallMs: 5_000 } }).start({
      clock,
    })
    fed.give(...numbered(0, 4))
    fed.give(...numbered(4, 8))
    await clock.advance(200)
    expect(noting.values).toEqual([4, 4])
    expect(fed.committed).toEqual({ 0: 8 })
    await clock.until(run.stop())
  })

  test('are not those that a handler works on, however long', async () => {
    const clock = virtualClock()
    const slow = recordOperator<number, number>('slow', out => record => {
      const flow = record.flow as RunFlow
      flow.began()
      delay(clock, 600_000).then(() => {
        out.next(record)
        flow.ended()
      })
    })
    const source = new FedSource()
    const run = pipelineOf({
      source: source.source,
      sink: new NotingSink({ batch: { maxRecords: 2 } }).sink,
      steps: (records: Records) => records.pipe(slow),
      limits: { maxInFlight: 2, stallMs: 1_000 },
    }).start({ clock })
    source.give(...numbered(0, 2))
    await clock.advance(599_000)
    expect(run.snapshot()).toMatchObject({ state: 'running', inFlight: 2 })
    await clock.advance(2_000)
    expect(source.committed).toEqual({ 0: 2 })
    await clock.until(run.stop())
  })
})

describe('expand', () => {
  const overTime = recordOperator<number, string>('over time', out => record => {
    const children = record.expand<string>()
    const flow = record.flow as RunFlow
    flow.began()
    void (async () => {
      for (let i = 0; i < 3; i++) {
        await delay(flow.clock, 50)
        out.next(children.add(`${record.value}.${i}`)!)
      }
      children.close()
      flow.ended()
    })()
  })

  test('into a ledger that does not overwrite ends the run', async () => {
    const clock = virtualClock()
    const sink = memorySink({ ledger: true })
    const run = pipelineOf({
      source: list(2),
      sink,
      steps: (records: Records) => records.pipe(overTime),
      onFailure: memoryQuarantine(),
    }).start({ clock })
    await expect(clock.until(run.finished)).rejects.toMatchObject({
      code: 'MILL_EXPAND_NEEDS_OVERWRITE',
      details: { origin: 'memory 0@0', sink: 'memory' },
    })
    expect(sink.rows).toEqual([])
    await clock.advance(10_000)
  })

  test('into one that does gives each child once, and covers the record with its last', async () => {
    const clock = virtualClock()
    const store = memoryStore()
    const sink = memorySink({ ledger: true, overwrites: true, store, batch: { maxRecords: 2 } })
    const fed = new FedSource()
    const run = pipelineOf({ source: fed.source, sink, steps: (records: Records) => records.pipe(overTime) }).start({ clock })
    fed.give(...numbered(0, 2))
    await clock.advance(60)
    expect(sink.rows).toHaveLength(2)
    expect(store.ledger.row('p', 'fed', '0')!.covered.toRanges()).toEqual([])
    await clock.advance(1_000)
    fed.end()
    expect(await clock.until(run.finished)).toMatchObject({ delivered: 6, skipped: 0 })
    expect([...sink.rows].sort()).toEqual(['0.0', '0.1', '0.2', '1.0', '1.1', '1.2'])
    expect(store.ledger.row('p', 'fed', '0')!.covered.toRanges()).toEqual([[0, 2]])
    expect(fed.committed).toEqual({ 0: 2 })
  })

  test('whose parent never closes is forgotten', async () => {
    const clock = virtualClock()
    const open = recordOperator<number, number>('open', out => record => out.next(record.expand<number>().add(1)!))
    const run = pipelineOf({ source: list(1), sink: memorySink(), steps: (records: Records) => records.pipe(open) }).start({ clock })
    await expect(clock.until(run.finished)).rejects.toMatchObject({ code: 'MILL_RECORDS_FORGOTTEN' })
  })
})

describe('parts of one record', () => {
  test('settle it with the last of them, whatever became of each', async () => {
    const clock = virtualClock()
    const source = list(4)
    const quarantine = new NotingQuarantine()
    const parts = recordOperator<number, number>('parts', out => record => {
      for (const part of record.split([0, 1, 2])) {
        if (part.value === 0) part.skip('zero')
        else if (part.value === 1) part.fail(new RangeError('one'), 'parts')
        else out.next(part)
      }
    })
    const run = pipelineOf({
      source,
      sink: memorySink(),
      steps: (records: Records) => records.pipe(parts),
      onFailure: quarantine.quarantine,
    }).start({ clock })
    expect(await clock.until(run.finished)).toMatchObject({ delivered: 4, skipped: 4, quarantined: 4, reasons: { zero: 4, RangeError: 4 } })
    expect(source.committed.get('0')).toBe(4)
    expect(quarantine.failures.map(({ origin }) => origin.part)).toEqual(['1', '1', '1', '1'])
  })

  test('are, on a replay, only the wanted one and what leads to it', async () => {
    const clock = virtualClock()
    const fed = new FedSource()
    const noting = new NotingSink<string>()
    const twice = (records: Records) => flat(flat(records.pipe(map(record => record.split(['a', 'b'])))).pipe(map(record => record.split([`${record.value}0`, `${record.value}1`])))) // biome-ignore format: short
    const run = pipelineOf({ source: fed.source, sink: noting.sink, steps: twice }).start({ clock })
    fed.give({ value: 1, position: 0, origin: { source: 'orders', partition: '3', position: 77, part: '1.0' } })
    fed.end()
    await clock.until(run.finished)
    expect(noting.batches[0]!.records.map(({ value, origin }) => [value, origin])).toEqual([
      ['b0', { source: 'orders', partition: '3', position: 77, part: '1.0' }],
    ])
  })

  test('that a replay wants and that are no more fail, and name what is missing', async () => {
    const clock = virtualClock()
    const fed = new FedSource()
    const quarantine = new NotingQuarantine()
    const split = recordOperator<number, string>('split', out => record => record.split(['a']).forEach(part => void out.next(part)))
    const run = pipelineOf({
      source: fed.source,
      sink: memorySink(),
      steps: (records: Records) => records.pipe(split),
      onFailure: quarantine.quarantine,
    }).start({ clock })
    fed.give({ value: 1, position: 0, origin: { source: 'orders', partition: '3', position: 77, part: '4' } })
    fed.end()
    expect(await clock.until(run.finished)).toMatchObject({ delivered: 0, quarantined: 1, reasons: { MILL_PART_MISSING: 1 } })
  })
})

describe('named sources', () => {
  test('share the window: one that is stuck does not starve the other', async () => {
    const clock = virtualClock()
    const stuck = new FedSource({ name: 'x' })
    const busy = new FedSource({ name: 'y' })
    const noting = new NotingSink<number>({ batch: { maxRecords: 2 } })
    const never = recordOperator<number, number>('never', () => record => (record.flow as RunFlow).began())
    const steps = ({ a, b }: { a: Records; b: Records }) => merge(a.pipe(never), b)
    const run = pipelineOf({
      source: { a: stuck.source, b: busy.source },
      sink: noting.sink,
      steps: steps as never,
      limits: { maxInFlight: 8 },
    }).start({ clock })
    stuck.give(...numbered(0, 4))
    stuck.give(...numbered(4, 8))
    for (let i = 0; i < 20; i += 4) busy.give(...numbered(i, i + 4))
    await clock.advance(1_000)
    expect(busy.committed).toEqual({ 0: 20 })
    expect(stuck.reads).toBe(1)
    await run.abort()
    await clock.until(run.finished.catch(() => {}))
  })

  test('may be joined: each is committed when the join is delivered', async () => {
    const clock = virtualClock()
    const left = new FedSource()
    const right = new FedSource()
    const sink = memorySink<number>({ ledger: true, batch: { maxRecords: 2 } })
    const pairs = ({ left, right }: { left: Records; right: Records }) => {
      const waiting = new Map<number, Envelope<number>>()
      return merge(left, right).pipe(recordOperatorOf(waiting))
    }
    const run = pipelineOf({
      source: { left: left.source, right: right.source },
      sink,
      steps: pairs as never,
      limits: { maxInFlight: 8 },
    }).start({ clock })
    for (let i = 0; i < 100; i += 4) {
      left.give(...numbered(i, i + 4))
      right.give(...numbered(i, i + 4))
    }
    left.end()
    right.end()
    expect(await clock.until(run.finished)).toMatchObject({ delivered: 100 })
    expect([...sink.rows].sort((a, b) => a - b)).toEqual(Array.from({ length: 100 }, (_, i) => 2 * i))
    expect([left.committed, right.committed]).toEqual([{ 0: 100 }, { 0: 100 }])
  })

  test('go by their keys, in origins and in the ledger', async () => {
    const clock = virtualClock()
    const store = memoryStore()
    const sink = memorySink<number>({ ledger: true, store })
    const run = pipelineOf({
      source: { a: list(2), b: list(3) },
      sink,
      steps: (({ a, b }: { a: Records; b: Records }) => merge(a, b)) as never,
    }).start({ clock })
    await clock.until(run.finished)
    expect(new Set(sink.origins.map(({ source }) => source))).toEqual(new Set(['a', 'b']))
    expect(store.ledger.row('p', 'b', '0')!.covered.toRanges()).toEqual([[0, 3]])
  })
})

function flat<T>(lists: Observable<readonly T[]>): Observable<T> {
  return new Observable(subscriber =>
    lists.subscribe({
      next: all => {
        for (const one of all) subscriber.next(one)
      },
      error: error => subscriber.error(error),
      complete: () => subscriber.complete(),
    }),
  )
}

/** Joins two records of the same value. */
function recordOperatorOf(waiting: Map<number, Envelope<number>>) {
  return recordOperator<number, number>('pairs', out => record => {
    const other = waiting.get(record.value)
    if (other === undefined) waiting.set(record.value, record)
    else {
      waiting.delete(record.value)
      out.next(join([other, record], other.value + record.value))
    }
  })
}
