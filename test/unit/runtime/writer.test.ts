import fc from 'fast-check'
import { virtualClock } from 'millrace/testing'
import { describe, expect, test } from 'vitest'
import { delay } from '../../../src/core/clock.js'
import { Envelope } from '../../../src/core/envelope.js'
import type { Outcome, Part, Root } from '../../../src/core/receipt.js'
import { type Batch, BatchError, CoveredError, FencedError, type SinkSession } from '../../../src/core/sink.js'
import type { Departed } from '../../../src/runtime/departed.js'
import { PrefixTracker } from '../../../src/runtime/tracker.js'
import { Writer } from '../../../src/runtime/writer.js'
import { Records } from '../../harness/records.js'
import { away, gate } from './parts.js'

interface Row {
  readonly lane: string
  readonly n: number
}

/** A writer over a sink in a test's hands, and what it told the run. */
class World {
  readonly clock = virtualClock()
  readonly records = new Records(this.clock)
  readonly tracker = new PrefixTracker('test', '0', 1n)
  readonly controller = new AbortController()
  readonly settled = new Map<Part, Outcome>()
  readonly dropped: Part[] = []
  readonly failures: unknown[] = []
  readonly batches: Batch<Row>[] = []
  waits = 0
  readonly writer: Writer

  constructor(
    options: {
      readonly maxRecords?: number
      readonly maxBytes?: number
      readonly maxWaitMs?: number
      readonly maxConcurrentWrites?: number
      readonly ledger?: boolean
      readonly lanes?: boolean
      readonly inBatch?: boolean
    },
    write: (batch: Batch<Row>, world: World) => Promise<void> = async () => {},
  ) {
    const {
      maxRecords = 4,
      maxBytes = 1_000,
      maxWaitMs = 100,
      maxConcurrentWrites = 1,
      ledger = false,
      lanes = false,
      inBatch = true,
    } = options
    const session: SinkSession<unknown> = {
      write: async batch => {
        this.batches.push(batch as Batch<Row>)
        await write(batch as Batch<Row>, this)
      },
    }
    this.records.tracker = this.tracker
    const lane = lanes ? (record: Envelope<unknown>) => (record.value as Row).lane : undefined
    const limits = { maxRecords, maxBytes, maxWaitMs }
    this.writer = new Writer(session, { pipeline: 'p', sink: 's', limits, maxConcurrentWrites, ledger, lane, observer: undefined }, {
      clock: this.clock,
      signal: this.controller.signal,
      settled: (part, outcome) => {
        if (this.settled.has(part)) throw new Error('settles twice')
        this.settled.set(part, outcome)
      },
      afterWrite() {},
      dropped: part => void this.dropped.push(part),
      refused: async (record, error): Promise<Departed> => ({
        part: Envelope.partOf(record),
        record: null,
        failures: [{ error } as never],
        inBatch,
        outcome: 'quarantined',
        reason: 'refused',
      }),
      fenced: () => {
        this.tracker.isRevoked = true
      },
      held() {},
      hasRevoked: () => true,
        isFull: () => false,
      waits: () => void this.waits++,
      resumed() {},
      fail: error => {
        this.failures.push(error)
        this.controller.abort(error)
      },
      trackersWithGaps: () => (this.tracker.gaps.size > 0 && !this.tracker.isRevoked ? [this.tracker] : []),
    }) // biome-ignore format: the host reads as a list
  }

  record(row: Partial<Row> = {}, bytes = 1): Envelope<Row> {
    const position = this.records.roots.length
    const record = this.records.record<Row>({ lane: 'a', n: position, ...row }, { bytes })
    const root = this.records.roots[position]!
    this.tracker.open(root.incoming)
    return record
  }

  add(row: Partial<Row> = {}, bytes = 1, ledger = false): Envelope<Row> {
    const record = this.record(row, bytes)
    this.writer.add(record, bytes, ledger ? (Envelope.partOf(record) as Root) : null)
    return record
  }

  skip(): Part {
    const part = Envelope.partOf(this.record())
    this.writer.addTogether([departed(part, 'skipped')], [part as Root])
    return part
  }

  get sizes(): number[] {
    return this.batches.map(({ records }) => records.length)
  }
}

const departed = (part: Part, outcome: Outcome, record: Envelope<unknown> | null = null): Departed => ({
  part,
  record,
  failures: [],
  inBatch: false,
  outcome,
  reason: null,
})

describe('the writer', () => {
  test('writes nothing while there is nothing', async () => {
    const world = new World({})
    world.writer.flush()
    world.writer.flushIdle()
    world.writer.drain()
    await world.clock.advance(10_000)
    expect(world.batches).toEqual([])
    expect(world.clock.pending).toBe(0)
  })

  test('writes a full batch at once, and a part of one after maxWaitMs', async () => {
    const world = new World({ maxRecords: 3, maxWaitMs: 50 })
    for (let i = 0; i < 4; i++) world.add()
    await world.clock.advance(49)
    expect(world.sizes).toEqual([3])
    await world.clock.advance(1)
    expect(world.sizes).toEqual([3, 1])
    expect(world.writer.isIdle).toBe(true)
  })

  test('writes at once when it holds all that is unsettled, without a timer', async () => {
    const world = new World({ maxWaitMs: 900_000 })
    world.add()
    world.writer.flushIdle()
    await world.clock.advance(0)
    expect(world.sizes).toEqual([1])
    expect(world.clock.pending).toBe(0)
  })

  test('lets a batch fill up while the only slot is busy', async () => {
    const busy = gate()
    const world = new World({ maxRecords: 10, maxWaitMs: 5 }, () => busy.promise)
    world.add()
    await world.clock.advance(5)
    for (let i = 0; i < 7; i++) {
      world.add()
      await world.clock.advance(5)
    }
    expect(world.sizes).toEqual([1])
    busy.open()
    await world.clock.advance(0)
    expect(world.sizes).toEqual([1, 7])
  })

  test('keeps a batch within its bytes, but for one record that is larger alone', async () => {
    const world = new World({ maxBytes: 100, maxRecords: 100 })
    for (const bytes of [60, 60, 500, 10, 10]) world.add({}, bytes)
    world.writer.drain()
    await world.clock.advance(0)
    expect(world.batches.map(({ records }) => records.map(record => (Envelope.partOf(record) as Root).bytes))).toEqual([
      [60],
      [60],
      [500],
      [10, 10],
    ])
  })

  test('never cuts between the parts of a record, and closes a batch before them', async () => {
    const world = new World({ maxRecords: 4, ledger: true })
    for (let i = 0; i < 3; i++) world.add({}, 1, true)
    const parent = world.record()
    const root = Envelope.partOf(parent) as Root
    const children = parent.split([1, 2, 3, 4, 5, 6])
    world.writer.addTogether(children.map(child => departed(Envelope.partOf(child), 'delivered', child)), [root]) // biome-ignore format: one call
    world.writer.drain()
    await world.clock.advance(0)
    expect(world.sizes).toEqual([3, 6])
    expect(world.batches[1]!.covers[0]!.positions).toEqual([[3, 4]])
  })

  test('counts the bytes of a record once, however many parts it has', async () => {
    const world = new World({ maxRecords: 100, maxBytes: 100 })
    const { weigh } = await import('../../../src/runtime/writer.js')
    const parts = world.record({}, 90).split([1, 2, 3]).map(Envelope.partOf)
    expect(parts.map(weigh)).toEqual([90, 0, 0])
  })

  test('writes skipped positions alone, as covers, after maxWaitMs', async () => {
    const world = new World({ ledger: true, maxWaitMs: 100 })
    const part = world.skip()
    await world.clock.advance(99)
    expect(world.batches).toEqual([])
    await world.clock.advance(1)
    expect(world.batches).toMatchObject([{ records: [], covers: [{ positions: [[0, 1]], epoch: 1n }] }])
    expect(world.settled.get(part)).toBe('skipped')
  })

  test.each(['flush', 'drain'] as const)('writes skipped positions alone at a %s', async how => {
    const world = new World({ ledger: true, maxWaitMs: 900_000 })
    world.skip()
    world.writer[how]()
    await world.clock.advance(0)
    expect(world.batches).toMatchObject([{ records: [], covers: [{ positions: [[0, 1]] }] }])
    expect(world.clock.pending).toBe(0)
  })

  test('covers gaps with the next write, and no more once they are confirmed', async () => {
    const world = new World({ ledger: true, maxRecords: 1 })
    world.tracker.skipTo(5)
    const at = (position: number) => {
      const record = world.records.record<Row>({ lane: 'a', n: position }, { position })
      world.tracker.open(world.records.roots.at(-1)!.incoming)
      world.writer.add(record, 1, Envelope.partOf(record) as Root)
    }
    at(5)
    await world.clock.advance(0)
    at(6)
    await world.clock.advance(0)
    expect(world.batches.map(({ covers }) => covers[0]!.gaps)).toEqual([[[0, 5]], []])
  })

  test('goes again for as long as the sink is away, and tells that it waits', async () => {
    let left = 50
    const world = new World({ maxRecords: 1 }, async () => {
      if (left-- > 0) throw away()
    })
    const part = Envelope.partOf(world.add())
    await world.clock.advance(3_600_000)
    expect(world.waits).toBe(50)
    expect(world.settled.get(part)).toBe('delivered')
  })

  test('ends the run at an error that is nobody’s', async () => {
    const world = new World({ maxRecords: 1 }, async () => {
      throw new TypeError('a bug')
    })
    world.add()
    await world.clock.advance(0)
    expect(world.failures).toMatchObject([{ code: 'MILL_SINK_FAILED', cause: { message: 'a bug' } }])
    expect(world.settled.size).toBe(0)
  })

  test('without a ledger a BatchError settles the others, and writes failures of its transaction', async () => {
    const world = new World({ maxRecords: 3 }, async ({ records }) => {
      if (records.length === 3) throw new BatchError(new Map([[1, new Error('bad')]]))
    })
    const parts = [world.add(), world.add(), world.add()].map(Envelope.partOf)
    await world.clock.advance(0)
    expect(world.batches[1]).toMatchObject({ records: [], failures: [{ error: { message: 'bad' } }] })
    expect(parts.map(part => world.settled.get(part))).toEqual(['delivered', 'quarantined', 'delivered'])
    expect(world.writer.isIdle).toBe(true)
  })

  test('without a ledger, failures that are durable already need no other write', async () => {
    const world = new World({ maxRecords: 2, inBatch: false }, async () => {
      throw new BatchError(new Map([[0, new Error('bad')]]))
    })
    const parts = [world.add(), world.add()].map(Envelope.partOf)
    await world.clock.advance(0)
    expect(world.batches).toHaveLength(1)
    expect(parts.map(part => world.settled.get(part))).toEqual(['quarantined', 'delivered'])
    expect(world.writer.isIdle).toBe(true)
  })

  test('with a ledger a BatchError writes the others again, with the failures and all covers', async () => {
    const world = new World({ maxRecords: 3, ledger: true }, async ({ records }) => {
      if (records.length === 3) throw new BatchError(new Map([[1, new Error('bad')]]))
    })
    for (let i = 0; i < 3; i++) world.add({}, 1, true)
    await world.clock.advance(0)
    expect(world.batches[1]).toMatchObject({ failures: [{}], covers: [{ positions: [[0, 3]] }] })
    expect(world.sizes).toEqual([3, 2])
    expect([...world.settled.values()].sort()).toEqual(['delivered', 'delivered', 'quarantined'])
  })

  test.each([[[]], [[7]]])('a BatchError that names %j ends the run', async indexes => {
    const world = new World({ maxRecords: 1 }, async () => {
      throw new BatchError(new Map(indexes.map(index => [index, new Error('bad')])))
    })
    world.add()
    await world.clock.advance(0)
    expect(world.failures).toMatchObject([{ code: 'MILL_SINK_FAILED' }])
  })

  test('what a FencedError names is dropped, and not counted as delivered', async () => {
    const world = new World({ maxRecords: 2, ledger: true }, async () => {
      throw new FencedError([{ source: 'test', partition: '0' }])
    })
    world.add({}, 1, true)
    world.add({}, 1, true)
    await world.clock.advance(0)
    expect(world.dropped).toHaveLength(2)
    expect(world.settled.size).toBe(0)
    expect(world.writer.isIdle).toBe(true)
  })

  test('a FencedError that names nothing of the batch ends the run, and does not go round for ever', async () => {
    const world = new World({ maxRecords: 1, ledger: true }, async () => {
      throw new FencedError([{ source: 'other', partition: '9' }])
    })
    world.add({}, 1, true)
    await world.clock.advance(0)
    expect(world.failures).toMatchObject([{ code: 'MILL_SINK_FAILED' }])
  })

  test('a CoveredError settles what was delivered before, and writes the rest again', async () => {
    const world = new World({ maxRecords: 3, ledger: true }, async ({ records }) => {
      if (records.length === 3) throw new CoveredError([{ source: 'test', partition: '0', positions: [[0, 2]] }])
    })
    const parts = [1, 2, 3].map(() => Envelope.partOf(world.add({}, 1, true)))
    await world.clock.advance(0)
    expect(world.sizes).toEqual([3, 1])
    expect(world.batches[1]!.covers[0]!.positions).toEqual([[2, 3]])
    expect(parts.map(part => world.settled.get(part))).toEqual(['delivered', 'delivered', 'delivered'])
  })

  test('a CoveredError that names nothing of the batch ends the run', async () => {
    const world = new World({ maxRecords: 1, ledger: true }, async () => {
      throw new CoveredError([{ source: 'test', partition: '0', positions: [[90, 91]] }])
    })
    world.add({}, 1, true)
    await world.clock.advance(0)
    expect(world.failures).toMatchObject([{ code: 'MILL_SINK_FAILED' }])
  })

  test('after an abort nothing is written, and it ends without a timer', async () => {
    const world = new World({ maxRecords: 1 }, async () => {
      throw away()
    })
    world.add()
    await world.clock.advance(10)
    world.controller.abort(new Error('over'))
    await world.writer.ended()
    const writes = world.batches.length
    world.add()
    await world.clock.advance(60_000)
    expect(world.batches).toHaveLength(writes)
    expect(world.clock.pending).toBe(0)
  })
})

describe('against a sequential model', () => {
  const step = fc.record({ lane: fc.constantFrom('a', 'b', 'c', 'd'), bytes: fc.integer({ min: 1, max: 40 }), waitMs: fc.constantFrom(0, 0, 0, 0, 5, 60), fate: fc.constantFrom('ok', 'ok', 'ok', 'bad', 'skip', 'parts') }) // biome-ignore format: one list
  const faults = fc.infiniteStream(fc.constantFrom('ok', 'ok', 'ok', 'slow', 'away', 'lost', 'slow-lost'))
  const setting = fc.record({
    maxRecords: fc.integer({ min: 1, max: 8 }),
    maxBytes: fc.integer({ min: 20, max: 200 }),
    maxWaitMs: fc.constantFrom(0, 10, 100),
    maxConcurrentWrites: fc.integer({ min: 1, max: 4 }),
    ledger: fc.boolean(),
    lanes: fc.boolean(),
    inBatch: fc.boolean(),
  })

  test('every record settles once and rightly, in the order of its lane, within the bounds of a batch', async () => {
    await fc.assert(
      fc.asyncProperty(setting, fc.array(step, { maxLength: 60 }), faults, async (options, steps, weather) => {
        // The engine gives a ledger with lanes one writer.
        const set = options.ledger && options.lanes ? { ...options, maxConcurrentWrites: 1 } : options
        const bad = new Set<number>()
        const durable: Row[] = []
        const covered = new Set<number>()
        const writing = new Map<string, number>()
        const world = new World(set, async ({ records, covers, failures }) => {
          expect(records.length + failures.length + covers.length, 'something to write').toBeGreaterThan(0)
          const positions = (covers[0]?.positions ?? []) as readonly (readonly [number, number])[]
          const of = (record: Envelope<Row>) => (Envelope.partOf(record).root.incoming.position as number)
          const roots = new Set(records.map(of))
          if (roots.size > 1) {
            expect(records.length).toBeLessThanOrEqual(set.maxRecords)
            expect([...roots].reduce((sum, position) => sum + world.records.roots[position]!.bytes, 0)).toBeLessThanOrEqual(set.maxBytes)
          }
          if (set.lanes) for (const lane of new Set(records.map(({ value }) => value.lane))) {
            expect(writing.get(lane) ?? 0, 'one batch of a lane at a time').toBe(0)
            writing.set(lane, 1)
          }
          try {
            const fault = weather.next().value
            if (fault.startsWith('slow')) await delay(world.clock, 30)
            if (fault === 'away') throw away()
            const refused = records.flatMap((record, i) => (bad.has(record.value.n) ? [i] : []))
            const before = positions.flatMap(([from, to]) => Array.from({ length: to - from }, (_, i) => from + i)).filter(position => covered.has(position))
            if (before.length > 0) throw new CoveredError([{ source: 'test', partition: '0', positions: before.map(position => [position, position + 1] as const) }])
            if (set.ledger && refused.length > 0) throw new BatchError(new Map(refused.map(i => [i, new Error('bad')])))
            records.forEach((record, i) => {
              if (!refused.includes(i)) durable.push(record.value)
            })
            for (const [from, to] of positions) for (let position = from; position < to; position++) covered.add(position)
            if (refused.length > 0) throw new BatchError(new Map(refused.map(i => [i, new Error('bad')])))
            if (fault.endsWith('lost')) throw away('the reply was lost')
          } finally {
            if (set.lanes) for (const lane of new Set(records.map(({ value }) => value.lane))) writing.set(lane, 0)
          }
        }) // biome-ignore format: the sink reads as a list of rules
        const expected = new Map<Part, Outcome>()
        const order: Row[] = []
        for (const { lane, bytes, waitMs, fate } of steps) {
          if (fate === 'skip' && set.ledger) expected.set(world.skip(), 'skipped')
          else if (fate === 'parts' && set.ledger) {
            const parent = world.record({ lane }, bytes)
            const children = parent.split([parent.value, parent.value, parent.value])
            for (const child of children) expected.set(Envelope.partOf(child), 'delivered')
            order.push(...children.map(({ value }) => value))
            world.writer.addTogether(children.map(child => departed(Envelope.partOf(child), 'delivered', child)), [Envelope.partOf(parent) as Root]) // biome-ignore format: one call
          } else {
            const record = world.record({ lane }, bytes)
            if (fate === 'bad') bad.add(record.value.n)
            else order.push(record.value)
            expected.set(Envelope.partOf(record), fate === 'bad' ? 'quarantined' : 'delivered')
            world.writer.add(record, bytes, set.ledger ? (Envelope.partOf(record) as Root) : null)
          }
          if (waitMs > 0) await world.clock.advance(waitMs)
        }
        world.writer.drain()
        for (let i = 0; i < 500 && !world.writer.isIdle; i++) await world.clock.advance(1_000)
        expect(world.failures).toEqual([])
        expect(world.writer.isIdle).toBe(true)
        expect(world.clock.pending).toBe(0)
        expect(new Map(world.settled)).toEqual(expected)
        const count = (rows: readonly Row[]) => rows.map(({ n }) => n).sort((a, b) => a - b)
        if (set.ledger) expect(count(durable)).toEqual(count(order))
        else expect(new Set(count(durable))).toEqual(new Set(count(order)))
        const firsts = (rows: readonly Row[], lane: string) => [...new Set(rows.filter(row => row.lane === lane).map(({ n }) => n))]
        if (set.lanes || set.maxConcurrentWrites === 1)
          for (const lane of ['a', 'b', 'c', 'd']) expect(firsts(durable, lane)).toEqual(firsts(order, lane))
      }),
      { numRuns: 300 },
    )
  }, 60_000)
})
