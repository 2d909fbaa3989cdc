import { definePipeline, memorySink, memorySource } from 'millrace'
import { virtualClock } from 'millrace/testing'
import { expect, it } from 'vitest'
import type { Incoming, Source } from '../../../src/core/source.js'
import { drainedPipeline } from '../../../src/runtime/drained.js'

/** A log of two partitions without end, of which each read gives at most `batch` records of one partition; it waits while there is none. */
function endlessLog(lengths: Record<string, number>, { batch = 10, tellsEnds = true } = {}) {
  const next: Record<string, number> = Object.fromEntries(Object.keys(lengths).map(name => [name, 0]))
  let wake = () => {}
  let afterRead = (_partition: string) => {}
  const source: Source = {
    name: 'log',
    commits: 'prefix',
    async open() {
      return {
        async read(_limit, signal) {
          for (;;) {
            signal.throwIfAborted()
            const partition = Object.keys(lengths).find(name => next[name]! < lengths[name]!)
            if (partition !== undefined) {
              const from = next[partition]!
              next[partition] = Math.min(lengths[partition]!, from + batch)
              const records: Incoming<Uint8Array>[] = Array.from({ length: next[partition]! - from }, (_, i) => ({
                value: Buffer.from(`${partition} ${from + i}`),
                position: from + i,
                partition,
              }))
              afterRead(partition)
              return records
            }
            await new Promise<void>(resolve => {
              wake = resolve
              signal.addEventListener('abort', () => resolve(), { once: true })
            })
          }
        },
        lag: () => new Map(Object.keys(lengths).map(name => [name, lengths[name]! - next[name]!])),
        ...(tellsEnds && { ends: () => new Map(Object.entries(lengths)) }),
      }
    },
  }
  return {
    source,
    add(partition: string, count: number) {
      lengths[partition] = lengths[partition]! + count
      wake()
    },
    onRead(listener: (partition: string) => void) {
      afterRead = listener
    },
  }
}

const pipelineOf = (source: Source) => {
  const sink = memorySink<Uint8Array>()
  return { sink, pipeline: definePipeline({ name: 'drained', source, steps: records => records, sink, onFailure: 'halt' }) }
}

it('ends when all that was there at first is delivered', async () => {
  const clock = virtualClock()
  const { source } = endlessLog({ a: 25, b: 3 })
  const { pipeline, sink } = pipelineOf(source)
  const { delivered } = await clock.until(drainedPipeline(pipeline).start({ clock }).finished)
  expect(delivered).toBe(28)
  expect(sink.rows).toHaveLength(28)
})

it('ends though more arrives without end, and reads each partition at least to where it ended at first', async () => {
  const clock = virtualClock()
  const log = endlessLog({ a: 25, b: 30 })
  // Faster than it is read.
  log.onRead(() => {
    log.add('b', 7)
  })
  const { pipeline, sink } = pipelineOf(log.source)
  await clock.until(drainedPipeline(pipeline).start({ clock }).finished)
  const rows = sink.rows.map(row => Buffer.from(row).toString())
  expect(rows).toEqual(expect.arrayContaining(['a 24', 'b 29']))
  expect(rows.length).toBeLessThan(100)
})

it('ends where there is nothing at all', async () => {
  const clock = virtualClock()
  const { pipeline } = pipelineOf(endlessLog({ a: 0 }).source)
  expect((await clock.until(drainedPipeline(pipeline).start({ clock }).finished)).delivered).toBe(0)
})

it('a member that gets no partition ends after a minute', async () => {
  const clock = virtualClock()
  const { pipeline } = pipelineOf(endlessLog({}).source)
  const from = clock.now()
  await clock.until(drainedPipeline(pipeline).start({ clock }).finished)
  expect(clock.now() - from).toBeGreaterThanOrEqual(60_000)
})

it('a source that cannot tell where it ends goes on until it is stopped; one that ends by itself ends', async () => {
  const clock = virtualClock()
  const run = drainedPipeline(pipelineOf(endlessLog({ a: 5 }, { tellsEnds: false }).source).pipeline).start({ clock })
  await clock.advance(120_000)
  expect(run.snapshot()).toMatchObject({ state: 'running', delivered: 5 })
  await clock.until(run.stop())
  const ending = pipelineOf(memorySource([Buffer.from('x')]))
  expect((await clock.until(drainedPipeline(ending.pipeline).start({ clock }).finished)).delivered).toBe(1)
})
