import { describe, expect, it } from 'vitest'
import { BatchError, type Sink, type SinkSession } from '../../../src/core/sink.js'
import { transform } from '../../../src/operators/transform.js'
import { definePipeline } from '../../../src/runtime/pipeline.js'
import { fanOut } from '../../../src/sinks/fan-out.js'
import { memorySink } from '../../../src/sinks/memory.js'
import { route } from '../../../src/sinks/route.js'
import { memorySource } from '../../../src/sources/memory.js'
import { memoryStore } from '../../../src/stores/memory-store.js'
import { memoryQuarantine } from '../../../src/stores/quarantine-memory.js'

interface Row {
  readonly n: number
}

/** A sink of the test's own, whose writes are the test's. */
function sinkOf(name: string, write: SinkSession<Row>['write'], more: Partial<Sink<Row>> = {}): Sink<Row> {
  return { name, ...more, open: async () => ({ write }) }
}

const away = () => Object.assign(new Error('away'), { retryable: true })
const numbers = (count: number) => Array.from({ length: count }, (_, n) => n)
const byParity = (n: number) => ({ to: n % 2 === 0 ? 'even' : 'odd', row: { n } }) as const

describe('route', () => {
  it('sends each row to the sink that it names', async () => {
    const even = memorySink<Row>()
    const odd = memorySink<Row>()
    const pipeline = definePipeline({
      name: 'routed',
      source: memorySource(numbers(10)),
      steps: records => records.pipe(transform(byParity)),
      sink: route({ even, odd }),
      onFailure: 'halt',
    })
    expect(await pipeline.start().finished).toMatchObject({ delivered: 10 })
    expect(even.rows.map(({ n }) => n)).toEqual([0, 2, 4, 6, 8])
    expect(odd.rows.map(({ n }) => n)).toEqual([1, 3, 5, 7, 9])
  })

  it('fails a record that names no sink, and no other', async () => {
    const even = memorySink<Row>()
    const quarantine = memoryQuarantine()
    const pipeline = definePipeline({
      name: 'routed',
      source: memorySource(numbers(3)),
      steps: records =>
        records.pipe(transform((n): { to: 'even'; row: Row } => ({ to: (n === 1 ? 'nowhere' : 'even') as 'even', row: { n } }))),
      sink: route({ even }),
      onFailure: quarantine,
    })
    expect(await pipeline.start().finished).toMatchObject({ delivered: 2, quarantined: 1, reasons: { MILL_ROUTE_UNKNOWN: 1 } })
  })

  it('writes the ledger last, and each record once over runs', async () => {
    const store = memoryStore()
    const order: string[] = []
    const even = memorySink<Row>({ store, ledger: true, name: 'even' })
    const odd = sinkOf('odd', async ({ records }) => {
      expect(even.rows).toHaveLength(0)
      order.push(`odd ${records.length}`)
    })
    const pipeline = definePipeline({
      name: 'routed',
      source: memorySource(numbers(10)),
      steps: records => records.pipe(transform(byParity)),
      sink: route({ even, odd }),
      onFailure: 'halt',
    })
    expect(await pipeline.start().finished).toMatchObject({ delivered: 10 })
    expect(await pipeline.start().finished).toMatchObject({ delivered: 0 })
    expect(order).toEqual(['odd 5'])
    expect(even.rows).toHaveLength(5)
  })

  it('takes one ledger at most, and at least one sink', () => {
    const store = memoryStore()
    const ledger = (name: string) => memorySink<Row>({ store, ledger: true, name })
    expect(() => route({ a: ledger('a'), b: ledger('b') })).toThrow('with one ledger at most')
    expect(() => route({})).toThrow('at least one sink')
  })
})

describe('fanOut', () => {
  it('gives each sink its own row of every record', async () => {
    const plain = memorySink<Row>()
    const doubled = memorySink<Row>()
    const pipeline = definePipeline({
      name: 'fanned',
      source: memorySource(numbers(3)),
      steps: records => records.pipe(transform(n => ({ plain: { n }, doubled: { n: 2 * n } }))),
      sink: fanOut({ plain, doubled }),
      onFailure: 'halt',
    })
    expect(await pipeline.start().finished).toMatchObject({ delivered: 3 })
    expect(plain.rows.map(({ n }) => n)).toEqual([0, 1, 2])
    expect(doubled.rows.map(({ n }) => n)).toEqual([0, 2, 4])
  })

  it('repeats in a retry only what has not succeeded', async () => {
    const written: number[] = []
    let attempts = 0
    const first = sinkOf('first', async ({ records }) => void written.push(...records.map(({ value }) => value.n)))
    const second = sinkOf('second', async () => {
      if (++attempts < 3) throw away()
    })
    const pipeline = definePipeline({
      name: 'fanned',
      source: memorySource(numbers(4)),
      steps: records => records.pipe(transform(n => ({ first: { n }, second: { n } }))),
      sink: fanOut({ first, second }),
      onFailure: 'halt',
    })
    expect(await pipeline.start().finished).toMatchObject({ delivered: 4 })
    expect(attempts).toBe(3)
    expect(written).toEqual([0, 1, 2, 3])
  })

  it('quarantines a record that one sink refuses, and covers it in the ledger with its siblings', async () => {
    const store = memoryStore()
    const kept = memorySink<Row>({ store, ledger: true })
    const refusing = sinkOf('refusing', async ({ records }) => {
      const at = records.findIndex(({ value }) => value.n === 2)
      if (at >= 0) throw new BatchError(new Map([[at, new Error('no twos')]]))
    })
    const pipeline = definePipeline({
      name: 'fanned',
      source: memorySource(numbers(4)),
      steps: records => records.pipe(transform(n => ({ kept: { n }, refusing: { n } }))),
      sink: fanOut({ kept, refusing }),
      onFailure: memoryQuarantine({ store }),
    })
    expect(await pipeline.start().finished).toMatchObject({ delivered: 3, quarantined: 1 })
    expect(kept.rows.map(({ n }) => n)).toEqual([0, 1, 3])
    expect(await pipeline.start().finished).toMatchObject({ delivered: 0, quarantined: 0 })
  })

  it('settles what a member holds before the ledger covers it', async () => {
    const store = memoryStore()
    const kept = memorySink<Row>({ store, ledger: true })
    let flushed = 0
    const holding: Sink<Row> = {
      name: 'holding',
      async open() {
        let seal: (outcome: 'delivered') => void = () => {}
        return {
          write: async () => ({ settled: new Promise(resolve => (seal = resolve)) }),
          async flush() {
            flushed++
            expect(kept.rows).toHaveLength(0)
            seal('delivered')
          },
        }
      },
    }
    const pipeline = definePipeline({
      name: 'fanned',
      source: memorySource(numbers(2)),
      steps: records => records.pipe(transform(n => ({ kept: { n }, holding: { n } }))),
      sink: fanOut({ kept, holding }),
      onFailure: 'halt',
    })
    expect(await pipeline.start().finished).toMatchObject({ delivered: 2 })
    expect(flushed).toBe(1)
  })
})
