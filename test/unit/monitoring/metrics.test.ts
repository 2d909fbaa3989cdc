import { metricsOf } from 'millrace/monitoring'
import { memoryQuarantine } from 'millrace/testing'
import { describe, expect, test } from 'vitest'
import { MillraceError } from '../../../src/core/errors.js'
import type { Quarantine } from '../../../src/core/quarantine.js'
import { BatchError, type Sink } from '../../../src/core/sink.js'
import type { Source } from '../../../src/core/source.js'
import { definePipeline, type Pipeline } from '../../../src/runtime/pipeline.js'
import { type Supervisor, supervise } from '../../../src/runtime/supervisor.js'
import { parseMetrics, valueOf } from '../../harness/prometheus-text.js'
import { away, FedSource, gate, NotingSink, numbered, virtualClock } from '../runtime/parts.js'

const pipeline = (
  name: string,
  source: Source<number>,
  sink: Sink<number>,
  onFailure: Quarantine | 'halt' = memoryQuarantine(),
): Pipeline => definePipeline({ name, source, steps: records => records, sink, onFailure })

/** The page of a supervisor's metrics, and what each sample of a pipeline is. */
function metered(supervisor: Supervisor) {
  const metrics = metricsOf(supervisor)
  const page = async () => parseMetrics(await metrics.text())
  return { metrics, page, value: async (name: string, labels?: Record<string, string>) => valueOf(await page(), name, labels) }
}

describe('the metrics of a pipeline', () => {
  test('are there, at nothing, before anything has happened', async () => {
    const clock = virtualClock()
    const supervisor = supervise([pipeline('a', new FedSource().source, new NotingSink<number>().sink)], { clock })
    const { page } = metered(supervisor)
    const { samples, types } = await page()
    expect(samples.filter(({ name, value }) => name === 'millrace_records_total' && value === 0).map(({ labels }) => labels)).toEqual([
      { pipeline: 'a', outcome: 'delivered' },
      { pipeline: 'a', outcome: 'skipped' },
      { pipeline: 'a', outcome: 'quarantined' },
    ])
    expect(samples.find(({ name }) => name === 'millrace_batch_records_count')).toMatchObject({ labels: { pipeline: 'a' }, value: 0 })
    expect([...types].filter(([name, type]) => name.endsWith('_total') !== (type === 'counter'))).toEqual([])
    await clock.until(supervisor.stop())
  })

  test('count what was settled, batches, and what is under way', async () => {
    const clock = virtualClock()
    const source = new FedSource()
    const noting = new NotingSink<number>({ batch: { maxRecords: 10 } })
    const supervisor = supervise([pipeline('a', source.source, noting.sink)], { clock })
    const { page, value } = metered(supervisor)
    source.give(...numbered(0, 20, { bytes: 100 }))
    await clock.advance(1_000)
    expect(await value('millrace_records_total', { outcome: 'delivered' })).toBe(20)
    const held = gate()
    noting.onWrite = () => held.promise
    source.give(...numbered(20, 23, { bytes: 100 }))
    await clock.advance(5_000)
    const now = await page()
    expect(valueOf(now, 'millrace_in_flight_records')).toBe(3)
    expect(valueOf(now, 'millrace_in_flight_records_limit')).toBe(20)
    expect(valueOf(now, 'millrace_in_flight_bytes')).toBe(300)
    expect(valueOf(now, 'millrace_oldest_unsettled_seconds')).toBe(5)
    expect(valueOf(now, 'millrace_batch_records_count')).toBe(2)
    expect(valueOf(now, 'millrace_batch_records_sum')).toBe(20)
    expect(valueOf(now, 'millrace_batch_bytes_sum')).toBe(2_000)
    expect(valueOf(now, 'millrace_batch_records_bucket', { le: '1' })).toBe(0)
    expect(valueOf(now, 'millrace_batch_records_bucket', { le: '10' })).toBe(2)
    held.open()
    await clock.advance(100)
    expect(await value('millrace_write_seconds_sum')).toBeGreaterThanOrEqual(4.9)
    expect(await value('millrace_oldest_unsettled_seconds')).toBe(0)
    await clock.until(supervisor.stop())
    expect(await value('millrace_state', { state: 'stopped' })).toBe(1)
    expect(await value('millrace_state', { state: 'running' })).toBe(0)
  })

  test('count retries by what was away', async () => {
    const clock = virtualClock()
    const source = new FedSource()
    const noting = new NotingSink<number>()
    let failures = 0
    noting.onWrite = async () => {
      if (++failures === 1) throw new MillraceError('MILL_DATABASE_AWAY', { database: 'd', reason: 'r' })
      if (failures <= 3) throw away()
    }
    const supervisor = supervise([pipeline('a', source.source, noting.sink)], { clock })
    const { value } = metered(supervisor)
    source.give(...numbered(0, 1))
    await clock.advance(60_000)
    expect(await value('millrace_retries_total', { reason: 'MILL_DATABASE_AWAY' })).toBe(1)
    expect(await value('millrace_retries_total', { reason: 'Error' })).toBe(2)
    await clock.until(supervisor.stop())
  })

  test('never fall over restarts', async () => {
    const clock = virtualClock()
    const source = new FedSource()
    const noting = new NotingSink<number>({ batch: { maxRecords: 1 } })
    let isBroken = false
    noting.onWrite = async () => {
      if (isBroken) throw new Error('broken')
    }
    const supervisor = supervise([pipeline('a', source.source, noting.sink)], { clock })
    const { value } = metered(supervisor)
    const seen: number[] = []
    for (let i = 0; i < 5; i++) {
      isBroken = false
      source.give(...numbered(i, i + 1))
      await clock.advance(20_000)
      seen.push((await value('millrace_records_total', { outcome: 'delivered' }))!)
      isBroken = true
      source.give(...numbered(i + 1, i + 2))
      for (let s = 0; s < 20; s++) {
        await clock.advance(1_000)
        seen.push((await value('millrace_records_total', { outcome: 'delivered' }))!)
      }
    }
    expect(seen).toEqual([...seen].sort((a, b) => a - b))
    expect(seen.at(-1)).toBe(5)
    expect(await value('millrace_restarts_total')).toBe(5)
    await clock.until(supervisor.stop())
  })

  test('name at most 50 reasons, and never take one back', async () => {
    const clock = virtualClock()
    const source = new FedSource()
    const noting = new NotingSink<number>()
    noting.onWrite = async ({ records }) => {
      throw new BatchError(new Map(records.map(({ value }, i) => [i, Object.assign(new Error('no'), { code: `CODE_${value}` })])))
    }
    const supervisor = supervise([pipeline('a', source.source, noting.sink)], { clock })
    const { page } = metered(supervisor)
    const reasons = async () =>
      new Map(
        (await page()).samples
          .filter(({ name }) => name === 'millrace_quarantined_total')
          .map(({ labels, value }) => [labels['reason']!, value]),
      )
    source.give(...numbered(0, 30))
    await clock.advance(1_000)
    const before = await reasons()
    expect(before.size).toBe(30)
    source.give(...numbered(30, 200))
    await clock.advance(1_000)
    const after = await reasons()
    expect(after.size).toBe(51)
    expect(after.get('other')).toBe(150)
    expect([...before.keys()].filter(reason => !after.has(reason))).toEqual([])
    await clock.until(supervisor.stop())
  })

  test('give the lag by source, and by partition only of sources with up to 100', async () => {
    const clock = virtualClock()
    const lagging = (name: string, partitions: number): Source<number> => ({
      name,
      commits: 'prefix',
      open: async () => ({
        read: (_, signal) => new Promise((_, reject) => signal.addEventListener('abort', () => reject(signal.reason), { once: true })),
        lag: () => new Map(Array.from({ length: partitions }, (_, i) => [`topic of two words ${i}`, i])),
      }),
    })
    const sources = { orders: lagging('x', 100), 'orders of old': lagging('y', 101), none: lagging('z', 0) }
    const both = definePipeline({
      name: 'both',
      source: sources,
      steps: streams => streams.orders,
      sink: new NotingSink<number>().sink,
      onFailure: 'halt',
    })
    const supervisor = supervise([both], { clock })
    const { page } = metered(supervisor)
    await clock.advance(10)
    const now = await page()
    expect(valueOf(now, 'millrace_lag', { source: 'orders' })).toBe(4_950)
    expect(valueOf(now, 'millrace_lag_max', { source: 'orders' })).toBe(99)
    expect(valueOf(now, 'millrace_lag', { source: 'orders of old' })).toBe(5_050)
    const single = now.samples.filter(({ name }) => name === 'millrace_partition_lag')
    expect(single).toHaveLength(100)
    expect(single[7]).toEqual({
      name: 'millrace_partition_lag',
      labels: { pipeline: 'both', source: 'orders', partition: 'topic of two words 7' },
      value: 7,
    })
    await clock.until(supervisor.stop())
  })

  test('give what sources tell of themselves, and no series of what they do not', async () => {
    const clock = virtualClock()
    const telling: Source<number> = {
      name: 'kafka',
      commits: 'prefix',
      open: async () => ({
        read: (_, signal) => new Promise((_, reject) => signal.addEventListener('abort', () => reject(signal.reason), { once: true })),
        facts: () => ({ assignment: { a: [0, 1], b: [4] }, rebalances: 2, commits: 7 }),
      }),
    }
    const supervisor = supervise(
      [pipeline('a', telling, new NotingSink<number>().sink), pipeline('b', new FedSource().source, new NotingSink<number>().sink)],
      { clock },
    )
    const { page } = metered(supervisor)
    await clock.advance(10)
    const { samples } = await page()
    expect(
      samples.filter(({ name }) => name.startsWith('millrace_source_')).map(({ name, labels, value }) => [name, labels, value]),
    ).toEqual([
      ['millrace_source_partitions', { pipeline: 'a', source: 'kafka' }, 3],
      ['millrace_source_rebalances_total', { pipeline: 'a', source: 'kafka' }, 2],
      ['millrace_source_commits_total', { pipeline: 'a', source: 'kafka' }, 7],
    ])
    await clock.until(supervisor.stop())
  })

  test('tell the states, restarts and holes of each pipeline', async () => {
    const clock = virtualClock()
    const source = new FedSource()
    const noting = new NotingSink<number>({ batch: { maxRecords: 1 }, maxConcurrentWrites: 3 })
    const held = gate()
    noting.onWrite = ({ records }) => (records[0]!.value === 0 ? held.promise : Promise.resolve())
    const broken = { ...new NotingSink<number>().sink, open: () => Promise.reject(new MillraceError('MILL_JOIN_EMPTY', {})) }
    const supervisor = supervise([pipeline('a', source.source, noting.sink), pipeline('b', new FedSource().source, broken)], { clock })
    const { page } = metered(supervisor)
    source.give(...numbered(0, 3))
    await clock.advance(60_000)
    const now = await page()
    expect(valueOf(now, 'millrace_ledger_holes', { pipeline: 'a' })).toBe(1)
    expect(valueOf(now, 'millrace_state', { pipeline: 'b', state: 'failed' })).toBe(1)
    expect(valueOf(now, 'millrace_restarts_total', { pipeline: 'b' })).toBe(2)
    expect(valueOf(now, 'millrace_state_since_timestamp_seconds', { pipeline: 'a' })).toBe(Date.UTC(2026, 0, 1) / 1_000)
    held.open()
    await clock.until(supervisor.stop())
  })

  test('bear any name', async () => {
    const clock = virtualClock()
    const name = 'say "no"\\or\nnot'
    const supervisor = supervise([pipeline(name, new FedSource().source, new NotingSink<number>().sink)], { clock })
    const { value } = metered(supervisor)
    expect(await value('millrace_restarts_total', { pipeline: name })).toBe(0)
    await clock.until(supervisor.stop())
  })

  test('are in a registry of their own, and say what the process uses', async () => {
    const clock = virtualClock()
    const supervisor = supervise([], { clock })
    const [first, second] = [metered(supervisor), metered(supervisor)]
    expect(first.metrics.registry).not.toBe(second.metrics.registry)
    const now = await first.page()
    expect(valueOf(now, 'process_resident_memory_bytes')).toBeGreaterThan(10_000_000)
    expect(valueOf(now, 'process_cpu_seconds_total')).toBeGreaterThan(0)
    expect(valueOf(now, 'millrace_eventloop_utilization')).toBeLessThanOrEqual(1)
    expect(now.samples.find(({ name }) => name === 'millrace_info')?.labels).toEqual({ version: expect.stringMatching(/^\d+\.\d+\.\d+/) })
  })

  test('count no more once they are closed', async () => {
    const clock = virtualClock()
    const source = new FedSource()
    const supervisor = supervise([pipeline('a', source.source, new NotingSink<number>().sink)], { clock })
    const { metrics, value } = metered(supervisor)
    metrics.close()
    source.give(...numbered(0, 1))
    await clock.advance(1_000)
    expect(await value('millrace_batch_records_count')).toBe(0)
    await clock.until(supervisor.stop())
  })
})
