import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { memoryQuarantine, memorySink, memorySource, memoryStore } from 'millrace/testing'
import type { Observable } from 'rxjs'
import { describe, expect, test } from 'vitest'
import { type Envelope, join } from '../../../src/core/envelope.js'
import { recordOperator } from '../../../src/core/operator.js'
import { BatchError, FencedError, type Held } from '../../../src/core/sink.js'
import type { Identity, Settlement } from '../../../src/core/source.js'
import { away, FedSource, gate, NotingQuarantine, NotingSink, numbered, pipelineOf, virtualClock } from './parts.js'

type Records = Observable<Envelope<number>>
const never = new AbortController().signal

/** Fails the values that the test names. */
const failing = (...values: number[]) =>
  recordOperator<number, number>('failing', out => record => {
    if (values.includes(record.value)) throw new RangeError('bad')
    out.next(record)
  })

describe('the commit', () => {
  test('never passes a hole', async () => {
    const clock = virtualClock()
    const fed = new FedSource()
    const noting = new NotingSink<number>({ batch: { maxRecords: 1 }, maxConcurrentWrites: 4 })
    const first = gate()
    noting.onWrite = async ({ records }) => {
      if (records[0]!.value === 1) await first.promise
    }
    const run = pipelineOf({ source: fed.source, sink: noting.sink }).start({ clock })
    fed.give(...numbered(0, 4))
    await clock.advance(1_000)
    expect(fed.committed).toEqual({ 0: 1 })
    first.open()
    await clock.advance(0)
    expect(fed.committed).toEqual({ 0: 4 })
    await clock.until(run.stop())
  })

  test('is one at a time, and the next one tells the latest', async () => {
    const clock = virtualClock()
    const fed = new FedSource()
    let running = 0
    let most = 0
    const gates = [gate(), gate(), gate(), gate()]
    fed.onCommit = async () => {
      most = Math.max(most, ++running)
      await gates[fed.commits.length - 1]?.promise
      running--
    }
    const run = pipelineOf({ source: fed.source, sink: new NotingSink({ batch: { maxRecords: 1 } }).sink }).start({ clock })
    for (let i = 0; i < 10; i++) fed.give(...numbered(i, i + 1))
    await clock.advance(1_000)
    expect(fed.commits).toHaveLength(1)
    for (const one of gates) one.open()
    await clock.advance(0)
    expect(fed.commits.map(([done]) => done)).toEqual([
      { partition: '0', next: 1 },
      { partition: '0', next: 10 },
    ])
    expect(most).toBe(1)
    await clock.until(run.stop())
  })

  test('that failed for want of the source is made again, of what is settled by then', async () => {
    const clock = virtualClock()
    const fed = new FedSource()
    let tries = 0
    fed.onCommit = async () => {
      if (++tries <= 3) throw away()
    }
    const run = pipelineOf({ source: fed.source, sink: new NotingSink({ batch: { maxRecords: 1 } }).sink }).start({ clock })
    fed.give(...numbered(0, 1))
    await clock.advance(10)
    expect(run.snapshot().state).toBe('waiting')
    fed.give(...numbered(1, 5))
    await clock.advance(5_000)
    expect(fed.commits.at(-1)).toEqual([{ partition: '0', next: 5 }])
    expect(fed.commits.flat().map(done => (done as { next: number }).next)).toEqual([1, 5, 5, 5])
    await clock.until(run.stop())
  })

  test('that fails for good ends the run', async () => {
    const clock = virtualClock()
    const fed = new FedSource()
    fed.onCommit = async () => {
      throw new TypeError('no rights')
    }
    const run = pipelineOf({ source: fed.source, sink: memorySink() }).start({ clock })
    fed.give(...numbered(0, 3))
    await expect(clock.until(run.finished)).rejects.toMatchObject({ code: 'MILL_SOURCE_FAILED', details: { doing: 'commit' } })
    expect(fed.commits.length).toBeLessThanOrEqual(2)
  })

  test('tells a source of single records each outcome, the worst of its parts, with all failures', async () => {
    const clock = virtualClock()
    const fed = new FedSource({ commits: 'single' })
    const parts = recordOperator<number, number>('parts', out => record => {
      if (record.value === 0) return record.skip('none')
      for (const part of record.split([0, 1, 2])) {
        if (record.value === 2 && part.value > 0) part.fail(new RangeError(`part ${part.value}`), 'parts')
        else out.next(part)
      }
    })
    const run = pipelineOf({
      source: fed.source,
      sink: memorySink(),
      steps: (records: Records) => records.pipe(parts),
      onFailure: new NotingQuarantine().quarantine,
    }).start({ clock })
    fed.give(...['a', 'b', 'c'].map((position, value) => ({ value, position, bytes: 1 })))
    fed.end()
    await clock.until(run.finished)
    const told = (fed.commits.flat() as Settlement[]).toSorted((a, b) => `${a.position}`.localeCompare(`${b.position}`))
    expect(told).toMatchObject([
      { outcome: 'skipped', failures: [] },
      { outcome: 'delivered', failures: [] },
      { outcome: 'quarantined', failures: [{ origin: { part: '1' } }, { origin: { part: '2' } }] },
    ])
  })

  test('of a join tells each member of its failure', async () => {
    const clock = virtualClock()
    const fed = new FedSource({ commits: 'single' })
    const pair = recordOperator<number, number>('pair', () => {
      let first: Envelope<number> | null = null
      return record => {
        if (first === null) first = record
        else join([first, record], 0).fail(new RangeError('bad pair'), 'pair')
      }
    })
    const quarantine = new NotingQuarantine()
    const run = pipelineOf({
      source: fed.source,
      sink: memorySink(),
      steps: (records: Records) => records.pipe(pair),
      onFailure: quarantine.quarantine,
    }).start({ clock })
    fed.give(...numbered(0, 2))
    fed.end()
    await clock.until(run.finished)
    expect(quarantine.failures.map(({ origin }) => origin.position)).toEqual([0, 1])
    for (const settlement of fed.commits.flat() as Settlement[])
      expect(settlement).toMatchObject({ outcome: 'quarantined', failures: [{}, {}] })
  })
})

describe('failures', () => {
  test('halt the run at the first, where the owner chose so', async () => {
    const clock = virtualClock()
    const source = memorySource([0, 1, 2, 3])
    const run = pipelineOf({ source, sink: memorySink(), steps: (records: Records) => records.pipe(failing(2)) }).start({ clock })
    await expect(clock.until(run.finished)).rejects.toMatchObject({
      code: 'MILL_RECORD_FAILED',
      details: { origin: 'memory 0@2', stage: 'failing' },
      cause: { message: 'bad' },
    })
    expect(source.committed.get('0') ?? 0).toBeLessThanOrEqual(2)
  })

  test('spend the budget, and then end the run; the record that spent it is not committed', async () => {
    const clock = virtualClock()
    const fed = new FedSource()
    const quarantine = new NotingQuarantine()
    const run = pipelineOf({
      source: fed.source,
      sink: memorySink(),
      steps: (records: Records) => records.pipe(failing(0, 1, 2, 3, 4)),
      onFailure: quarantine.quarantine,
      limits: { stopAt: { failures: 3, withinMs: 1_000 } },
    }).start({ clock })
    for (let i = 0; i < 5; i++) {
      fed.give(...numbered(i, i + 1))
      await clock.advance(10)
    }
    await expect(clock.until(run.finished)).rejects.toMatchObject({
      code: 'MILL_FAILURE_BUDGET_SPENT',
      message: expect.stringContaining('fed 0@2'),
    })
    expect(fed.committed).toEqual({ 0: 2 })
  })

  test('are committed only when quarantine holds them', async () => {
    const clock = virtualClock()
    const fed = new FedSource()
    const quarantine = new NotingQuarantine()
    const put = gate()
    quarantine.onPut = () => put.promise
    const run = pipelineOf({
      source: fed.source,
      sink: memorySink(),
      steps: (records: Records) => records.pipe(failing(1)),
      onFailure: quarantine.quarantine,
    }).start({ clock })
    fed.give(...numbered(0, 4))
    await clock.advance(10_000)
    expect(fed.committed).toEqual({ 0: 1 })
    put.open()
    await clock.advance(0)
    expect(fed.committed).toEqual({ 0: 4 })
    await clock.until(run.stop())
  })

  test.each([true, false])('wait for a quarantine that is away (ledger: %s)', async ledger => {
    const clock = virtualClock()
    const fed = new FedSource()
    const quarantine = new NotingQuarantine()
    let tries = 0
    quarantine.onPut = async () => {
      if (++tries < 5) throw away()
    }
    const run = pipelineOf({
      source: fed.source,
      sink: memorySink({ ledger }),
      steps: (records: Records) => records.pipe(failing(1)),
      onFailure: quarantine.quarantine,
    }).start({ clock })
    fed.give(...numbered(0, 4))
    fed.end()
    expect(await clock.until(run.finished)).toMatchObject({ delivered: 3, quarantined: 1 })
    expect(fed.committed).toEqual({ 0: 4 })
  })

  test.each([true, false])('that quarantine does not take stop the run, and lose nothing (refused by the sink: %s)', async isRefused => {
    const clock = virtualClock()
    const fed = new FedSource()
    const quarantine = new NotingQuarantine()
    quarantine.onPut = async () => {
      throw new TypeError('disk full')
    }
    const noting = new NotingSink<number>({ batch: { maxRecords: 4 } })
    noting.onWrite = async ({ records }) => {
      const at = records.findIndex(({ value }) => value === 1)
      if (isRefused && at >= 0) throw new BatchError(new Map([[at, new RangeError('bad')]]))
    }
    const steps = isRefused ? (records: Records) => records : (records: Records) => records.pipe(failing(1))
    const run = pipelineOf({ source: fed.source, sink: noting.sink, steps, onFailure: quarantine.quarantine }).start({ clock })
    const before = clock.now()
    fed.give(...numbered(0, 4))
    await expect(clock.until(run.finished)).rejects.toMatchObject({ code: 'MILL_QUARANTINE_FAILED', cause: { message: 'disk full' } })
    expect(fed.committed['0'] ?? 0).toBeLessThanOrEqual(1)
    expect(clock.now() - before).toBeLessThan(1_000)
  })

  test('are part of the batch’s transaction where sink and quarantine share one', async () => {
    const clock = virtualClock()
    const store = memoryStore()
    const noting = new NotingSink<number>({ scope: store })
    const run = pipelineOf({
      source: memorySource([0, 1, 2]),
      sink: noting.sink,
      steps: (records: Records) => records.pipe(failing(1)),
      onFailure: memoryQuarantine({ store }),
    }).start({ clock })
    expect(await clock.until(run.finished)).toMatchObject({ delivered: 2, quarantined: 1 })
    expect(noting.batches.flatMap(({ failures }) => failures)).toMatchObject([{ origin: { position: 1 }, stage: 'failing' }])
    expect([...store.entries]).toEqual([])
  })

  test('of records that the sink refuses are put together, not one after another', async () => {
    const clock = virtualClock()
    const quarantine = new NotingQuarantine()
    let puts = 0
    quarantine.onPut = async () => void puts++
    const noting = new NotingSink<number>({ batch: { maxRecords: 100 } })
    noting.onWrite = async ({ records }) => {
      throw new BatchError(new Map(records.map((_, i) => [i, new RangeError('bad')])))
    }
    const run = pipelineOf({
      source: memorySource(Array.from({ length: 100 }, (_, i) => i)),
      sink: noting.sink,
      onFailure: quarantine.quarantine,
    }).start({ clock })
    expect(await clock.until(run.finished)).toMatchObject({ quarantined: 100 })
    expect(puts).toBeLessThan(5)
  })

  test('found by the sink’s check never reach a batch', async () => {
    const clock = virtualClock()
    const noting = new NotingSink<number>({ session: { check: ({ value }) => (value === 1 ? new RangeError('bad') : undefined) } })
    const quarantine = new NotingQuarantine()
    const run = pipelineOf({ source: memorySource([0, 1, 2]), sink: noting.sink, onFailure: quarantine.quarantine }).start({ clock })
    expect(await clock.until(run.finished)).toMatchObject({ delivered: 2, quarantined: 1 })
    expect(noting.values).toEqual([0, 2])
    expect(quarantine.failures).toMatchObject([{ stage: 'write' }])
  })

  test('of a record that could not be read whole keep its beginning; a record too large fails', async () => {
    const clock = virtualClock()
    const fed = new FedSource<Uint8Array>()
    const quarantine = new NotingQuarantine()
    const run = pipelineOf({
      source: fed.source,
      sink: memorySink(),
      onFailure: quarantine.quarantine,
      limits: { maxRecordBytes: 10 },
    }).start({ clock })
    fed.give(
      { value: Buffer.from('abc'), bytes: 5_000, position: 0, fault: new RangeError('cut off') },
      { value: Buffer.from('12345678901'), position: 1 },
      { value: Buffer.from('1234567890'), position: 2 },
    )
    fed.end()
    expect(await clock.until(run.finished)).toMatchObject({ delivered: 1, reasons: { RangeError: 1, MILL_RECORD_TOO_LARGE: 1 } })
    expect(quarantine.failures.map(({ stage, raw, rawBytes }) => [stage, `${Buffer.from(raw)}`, rawBytes])).toEqual([
      ['read', 'abc', 5_000],
      ['read', '12345678901', 11],
    ])
  })

  test('are kept although the codec of their source throws', async () => {
    const clock = virtualClock()
    const fed = new FedSource()
    const codec = { encode: () => { throw new Error('codec') }, decode: () => 0 } // biome-ignore format: short
    const quarantine = new NotingQuarantine()
    const run = pipelineOf({
      source: { ...fed.source, codec },
      sink: memorySink(),
      steps: (records: Records) => records.pipe(failing(0)),
      onFailure: quarantine.quarantine,
    }).start({ clock })
    fed.give(...numbered(0, 1))
    fed.end()
    expect(await clock.until(run.finished)).toMatchObject({ quarantined: 1 })
    expect(`${Buffer.from(quarantine.failures[0]!.raw)}`).toBe('0')
  })
})

describe('partitions', () => {
  test('are taken over when they are assigned, and go on at the first hole of the ledger', async () => {
    const clock = virtualClock()
    const store = memoryStore()
    store.ledger.cover('p', [{ source: 'fed', partition: '7', epoch: 0n, positions: [[0, 3], [4, 5]], gaps: [] }]) // biome-ignore format: ranges
    const fed = new FedSource()
    const sink = memorySink<number>({ ledger: true, store })
    const run = pipelineOf({ source: fed.source, sink }).start({ clock })
    await clock.advance(0)
    expect(await fed.context.assigned('7')).toEqual({ from: 3 })
    fed.give(...numbered(0, 6, { partition: '7' }))
    fed.end()
    await clock.until(run.finished)
    expect(sink.rows).toEqual([3, 5])
    expect(fed.committed).toEqual({ 7: 6 })
  })

  test('of another content than the ledger’s end the run, and nothing is read of them', async () => {
    const clock = virtualClock()
    const store = memoryStore()
    const identity = (mark: string): Identity => ({ mark, matches: earlier => earlier === mark })
    const runWith = (mark: string) => {
      const fed = new FedSource({ onOpen: async context => void (await context.assigned('0', identity(mark))) })
      const run = pipelineOf({ source: fed.source, sink: memorySink({ ledger: true, store }) }).start({ clock })
      fed.give(...numbered(mark === 'old' ? 0 : 3, 5))
      fed.end()
      return { run, fed }
    }
    await clock.until(runWith('old').run.finished)
    const { run, fed } = runWith('new')
    await expect(clock.until(run.finished)).rejects.toMatchObject({
      code: 'MILL_LEDGER_AHEAD',
      message: expect.stringMatching(/0…5.*old.*new/),
    })
    expect(fed.reads).toBe(0)
    await clock.until(runWith('old').run.finished)
  })

  test('have nothing before a position that was advanced', async () => {
    const clock = virtualClock()
    const fed = new FedSource()
    const run = pipelineOf({ source: fed.source, sink: memorySink() }).start({ clock })
    fed.give(...numbered(0, 2))
    await clock.advance(10)
    fed.context.advanced('0', 50)
    await clock.advance(0)
    expect(fed.committed).toEqual({ 0: 50 })
    await clock.until(run.stop())
  })

  test('drain: written now, also what handlers still have, and committed', async () => {
    const clock = virtualClock()
    const fed = new FedSource()
    const noting = new NotingSink<number>({ batch: { maxRecords: 100, maxWaitMs: 900_000 } })
    const gates = [gate(), gate()]
    const late = recordOperator<number, number>('late', out => record => {
      if (record.value > 1) return
      void gates[record.value]!.promise.then(() => out.next(record))
    })
    const run = pipelineOf({ source: fed.source, sink: noting.sink, steps: (records: Records) => records.pipe(late) }).start({ clock })
    fed.give(...numbered(0, 2, { partition: 'a' }), ...numbered(2, 3, { partition: 'b' }))
    await clock.advance(10)
    let isDrained = false
    const drained = fed.context.draining(['a'], never).then(() => {
      isDrained = true
    })
    gates[0]!.open()
    await clock.advance(10)
    expect([noting.values, isDrained]).toEqual([[0], false])
    gates[1]!.open()
    await clock.until(drained)
    // Of the other partition only what lies before its record.
    expect(fed.committed).toEqual({ a: 2, b: 2 })
    await clock.until(run.abort())
  })

  test('drain no longer than the signal lasts', async () => {
    const clock = virtualClock()
    const fed = new FedSource()
    const noting = new NotingSink<number>()
    noting.onWrite = async () => {
      throw away()
    }
    const run = pipelineOf({ source: fed.source, sink: noting.sink }).start({ clock })
    fed.give(...numbered(0, 2))
    await clock.advance(10)
    const controller = new AbortController()
    const drained = fed.context.draining(['0'], controller.signal)
    controller.abort()
    await clock.until(drained)
    expect(fed.commits).toEqual([])
    await clock.until(run.abort())
  })

  test('that are revoked are neither written nor committed any more, and leave the window', async () => {
    const clock = virtualClock()
    const fed = new FedSource()
    const noting = new NotingSink<number>({ batch: { maxRecords: 1 } })
    const first = gate()
    noting.onWrite = async ({ records }) => {
      if (records[0]!.value === 0) await first.promise
    }
    const run = pipelineOf({ source: fed.source, sink: noting.sink }).start({ clock })
    fed.give(...numbered(0, 3, { partition: 'a' }), ...numbered(10, 12, { partition: 'b' }))
    await clock.advance(10)
    fed.context.revoked(['a'])
    first.open()
    await clock.advance(1_000)
    expect(noting.values).toEqual([0, 10, 11])
    expect(fed.committed).toEqual({ b: 12 })
    expect(run.snapshot()).toMatchObject({ inFlight: 0, delivered: 3 })
    fed.give(...numbered(0, 3, { partition: 'a' }))
    await clock.advance(1_000)
    expect(fed.committed).toEqual({ a: 3, b: 12 })
    await clock.until(run.stop())
  })

  test('that are revoked while a record’s parts wait for each other leave the window whole', async () => {
    const clock = virtualClock()
    const fed = new FedSource()
    const late = gate()
    const parts = recordOperator<number, number>('parts', out => record => {
      const [a, b] = record.split([0, 1])
      out.next(a!)
      void late.promise.then(() => out.next(b!))
    })
    const run = pipelineOf({
      source: fed.source,
      sink: memorySink({ ledger: true }),
      steps: (records: Records) => records.pipe(parts),
    }).start({ clock })
    fed.give(...numbered(0, 1))
    await clock.advance(10)
    fed.context.revoked(['0'])
    late.open()
    await clock.advance(10)
    expect(run.snapshot()).toMatchObject({ inFlight: 0, inFlightBytes: 0, delivered: 0 })
    await clock.until(run.stop())
  })

  test('that are revoked under a join end the run, so that its other members come again', async () => {
    const clock = virtualClock()
    const fed = new FedSource()
    const late = gate()
    const pair = recordOperator<number, number>('pair', out => {
      let first: Envelope<number> | null = null
      return record => {
        if (first === null) first = record
        else {
          const joined = join([first, record], 1)
          void late.promise.then(() => out.next(joined))
        }
      }
    })
    const run = pipelineOf({ source: fed.source, sink: memorySink(), steps: (records: Records) => records.pipe(pair) }).start({ clock })
    fed.give(...numbered(0, 1, { partition: 'a' }), ...numbered(0, 1, { partition: 'b' }))
    await clock.advance(10)
    fed.context.revoked(['a'])
    late.open()
    await expect(clock.until(run.finished)).rejects.toMatchObject({ code: 'MILL_PARTITION_FENCED', details: { partition: 'a' } })
    expect(fed.commits).toEqual([])
  })

  test.each([true, false])('that another owner has are given up, or end the run (the source can give them up: %s)', async fenced => {
    const clock = virtualClock()
    const store = memoryStore()
    const fed = new FedSource({ fenced })
    const sink = memorySink<number>({ ledger: true, store, batch: { maxRecords: 10 } })
    const run = pipelineOf({ source: fed.source, sink }).start({ clock })
    fed.give(...numbered(0, 2, { partition: 'a' }), ...numbered(0, 2, { partition: 'b' }))
    await clock.advance(200)
    store.ledger.takeOver('p', 'fed', 'a', null)
    fed.give(...numbered(2, 4, { partition: 'a' }), ...numbered(2, 4, { partition: 'b' }))
    if (fenced) {
      await clock.advance(200)
      expect(fed.fenced).toEqual(['a'])
      expect(fed.committed).toEqual({ a: 2, b: 4 })
      expect(sink.origins.filter(({ partition }) => partition === 'a')).toHaveLength(2)
      await clock.until(run.stop())
    } else await expect(clock.until(run.finished)).rejects.toMatchObject({ code: 'MILL_PARTITION_FENCED', details: { partition: 'a' } })
  })

  test('that were revoked while a batch of them is pushed are dropped, and not taken over again', async () => {
    const clock = virtualClock()
    const fed = new FedSource()
    const taken: string[] = []
    const taking = gate()
    const takeOver = async (_: string, partition: string) => {
      taken.push(partition)
      if (partition === 'a') await taking.promise
      return { epoch: 1n, covered: [], mark: null }
    }
    const noting = new NotingSink<number>({ ledger: true, session: { takeOver } })
    const run = pipelineOf({ source: fed.source, sink: noting.sink }).start({ clock })
    await clock.advance(10)
    await fed.context.assigned('b')
    fed.give(...numbered(0, 2, { partition: 'a' }), ...numbered(10, 12, { partition: 'b' }))
    await clock.advance(10)
    fed.context.revoked(['b'])
    taking.open()
    await clock.advance(1_000)
    expect([taken, noting.values, fed.committed]).toEqual([['b', 'a'], [0, 1], { a: 2 }])
    await clock.until(run.stop())
  })

  test('that were revoked while they were being taken over are taken over anew when they come back', async () => {
    const clock = virtualClock()
    const fed = new FedSource()
    const gates = [gate(), gate()]
    let taken = 0
    const takeOver = async () => {
      await gates[taken]!.promise
      return { epoch: BigInt(++taken), covered: [[0, taken]] as const, mark: null }
    }
    const noting = new NotingSink<number>({ ledger: true, session: { takeOver } })
    const run = pipelineOf({ source: fed.source, sink: noting.sink }).start({ clock })
    await clock.advance(10)
    void fed.context.assigned('0')
    fed.context.revoked(['0'])
    const again = fed.context.assigned('0')
    for (const { open } of gates) open()
    expect(await clock.until(again)).toEqual({ from: 2 })
    fed.give(...numbered(0, 4))
    await clock.advance(1_000)
    expect(noting.batches.flatMap(({ covers }) => covers.map(({ epoch }) => epoch))).toEqual([2n])
    expect([taken, noting.values]).toEqual([2, [2, 3]])
    await clock.until(run.stop())
  })

  test('that came back to this run are not given up for a write of before', async () => {
    const clock = virtualClock()
    const fed = new FedSource()
    const store = memoryStore()
    const { sink } = new NotingSink()
    const writing = gate()
    let writes = 0
    const fencing = { ...sink, ledger: true, open: async () => ({
      takeOver: async (source: string, partition: string, mark: string | null) => store.ledger.takeOver('p', source, partition, mark),
      write: async () => {
        if (++writes > 1) return
        await writing.promise
        throw new FencedError([{ source: 'fed', partition: '0' }])
      },
    }) } // biome-ignore format: a sink of one write
    const run = pipelineOf({ source: fed.source, sink: fencing }).start({ clock })
    fed.give(...numbered(0, 2))
    await clock.advance(200)
    await fed.context.assigned('0')
    writing.open()
    await clock.advance(10)
    fed.give(...numbered(0, 2))
    await clock.advance(200)
    expect([fed.fenced, fed.committed]).toEqual([[], { 0: 2 }])
    await clock.until(run.stop())
  })
})

describe('sinks that hold', () => {
  const holding = (options: { readonly maxRecords?: number } = {}) => {
    const noting = new NotingSink<number>({ batch: { maxRecords: options.maxRecords ?? 2 } })
    const seals: ReturnType<typeof gate<'delivered' | 'quarantined'>>[] = []
    noting.onWrite = async (): Promise<Held> => {
      seals.push(gate<'delivered' | 'quarantined'>())
      return { settled: seals.at(-1)!.promise }
    }
    return { noting, seals }
  }

  test('take records out of the window, and commit them when they settle', async () => {
    const clock = virtualClock()
    const fed = new FedSource()
    const { noting, seals } = holding()
    const run = pipelineOf({ source: fed.source, sink: noting.sink, limits: { maxInFlight: 4 } }).start({ clock })
    for (let i = 0; i < 40; i += 2) fed.give(...numbered(i, i + 2))
    await clock.advance(1_000)
    expect(run.snapshot()).toMatchObject({ inFlight: 0, inFlightBytes: 0, heldRecords: 40, delivered: 0 })
    expect(fed.commits).toEqual([])
    seals[1]!.open('delivered')
    await clock.advance(0)
    expect(fed.commits).toEqual([])
    seals[0]!.open('quarantined')
    await clock.advance(0)
    expect(fed.committed).toEqual({ 0: 4 })
    expect(run.snapshot()).toMatchObject({ heldRecords: 36, delivered: 2, quarantined: 2, reasons: { held: 2 } })
    for (const seal of seals) seal.open('delivered')
    expect(await clock.until(run.stop())).toMatchObject({ delivered: 38, quarantined: 2 })
    expect(fed.committed).toEqual({ 0: 40 })
  })

  test('are asked to seal at the end, and the run ends when all has settled', async () => {
    const clock = virtualClock()
    const source = memorySource([1, 2, 3, 4, 5])
    const { noting, seals } = holding()
    noting.onFlush = async () => {
      for (const seal of seals) seal.open('delivered')
    }
    const run = pipelineOf({ source, sink: noting.sink }).start({ clock })
    expect(await clock.until(run.finished)).toMatchObject({ delivered: 5 })
    expect(noting.flushes).toBe(1)
    expect(source.committed.get('0')).toBe(5)
  })

  test('are asked to seal at maxHeldRecords, and get no more before some have settled', async () => {
    const clock = virtualClock()
    const fed = new FedSource()
    const { noting, seals } = holding()
    const run = pipelineOf({ source: fed.source, sink: noting.sink, limits: { maxInFlight: 4, maxHeldRecords: 6 } }).start({ clock })
    for (let i = 0; i < 40; i += 2) fed.give(...numbered(i, i + 2))
    await clock.advance(600_000)
    expect(run.snapshot()).toMatchObject({ state: 'running', heldRecords: 6 })
    expect(noting.flushes).toBe(1)
    const settleAll = () => {
      for (const seal of seals) seal.open('delivered')
    }
    noting.onFlush = async () => settleAll()
    settleAll()
    await clock.advance(1_000)
    fed.end()
    expect(await clock.until(run.finished)).toMatchObject({ delivered: 40 })
  })

  test('take parts of one record out of the window, too', async () => {
    const clock = virtualClock()
    const fed = new FedSource()
    const { noting, seals } = holding({ maxRecords: 2 })
    const parts = recordOperator<number, number>('parts', out => record => {
      for (const part of record.split([0, 1, 2])) out.next(part)
    })
    const run = pipelineOf({
      source: fed.source,
      sink: noting.sink,
      steps: (records: Records) => records.pipe(parts),
      limits: { maxInFlight: 4 },
    }).start({ clock })
    for (let i = 0; i < 8; i++) fed.give(...numbered(i, i + 1))
    await clock.advance(1_000)
    expect(run.snapshot()).toMatchObject({ inFlight: 0, inFlightBytes: 0, heldRecords: 24, oldestUnsettledMs: 0 })
    for (const seal of seals) seal.open('delivered')
    await clock.advance(0)
    expect(fed.committed).toEqual({ 0: 8 })
    expect(await clock.until(run.stop())).toMatchObject({ delivered: 24 })
  })

  test('end the run when what they hold is lost', async () => {
    const clock = virtualClock()
    const fed = new FedSource()
    const { noting, seals } = holding()
    const run = pipelineOf({ source: fed.source, sink: noting.sink }).start({ clock })
    fed.give(...numbered(0, 2))
    await clock.advance(10)
    seals[0]!.break(new TypeError('spool gone'))
    await expect(clock.until(run.finished)).rejects.toMatchObject({ code: 'MILL_SINK_FAILED', cause: { message: 'spool gone' } })
    expect(fed.commits).toEqual([])
  })
})

describe('memory', () => {
  test('of a run of 200,000 records keeps none that has settled', async () => {
    setFlagsFromString('--expose-gc')
    const collect = runInNewContext('gc') as () => void
    const total = 200_000
    const refs: WeakRef<object>[] = []
    let at = 0
    const { source } = new FedSource()
    const ended = gate<null>()
    const endless = { ...source, open: async () => ({
      read: async ({ records }: { records: number }) => {
        if (at >= total) return await ended.promise
        const batch = Array.from({ length: Math.min(records, total - at) }, (_, i) => ({ value: { n: at + i }, position: at + i, bytes: 100 }))
        refs.push(new WeakRef(batch[0]!.value))
        at += batch.length
        return batch
      },
    }) } // biome-ignore format: a source of one list
    const noting = new NotingSink()
    const count = { ...noting.sink, open: async () => ({ write: async () => {} }) }
    const run = pipelineOf({ source: endless, sink: count, steps: (records: Observable<Envelope<{ n: number }>>) => records }).start()
    while (run.snapshot().delivered < total) await new Promise(resolve => setImmediate(resolve))
    for (let i = 0; i < 3; i++) {
      await new Promise(resolve => setImmediate(resolve))
      collect()
    }
    // The last batch may still be on a stack.
    expect(refs.filter(ref => ref.deref() !== undefined).length).toBeLessThanOrEqual(1)
    expect(refs.length).toBeGreaterThan(100)
    ended.open(null)
    await run.finished
  })
})
