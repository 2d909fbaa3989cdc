import fc from 'fast-check'
import { memoryQuarantine } from 'millrace/testing'
import { describe, expect, test } from 'vitest'
import { MillraceError } from '../../../src/core/errors.js'
import type { Sink } from '../../../src/core/sink.js'
import type { Source } from '../../../src/core/source.js'
import { definePipeline, type Pipeline } from '../../../src/runtime/pipeline.js'
import type { RunSnapshot } from '../../../src/runtime/run.js'
import { supervise } from '../../../src/runtime/supervisor.js'
import { added, noTotals } from '../../../src/runtime/supervisor-totals.js'
import { away, virtualClock } from './parts.js'

/** What becomes of one run of a pipeline. The last of its script is repeated. */
const fates = [
  'ends',
  'endless',
  'open fails',
  'open is away',
  'open hangs',
  'write fails',
  'second write fails',
  'write was away',
  'write hangs',
  'fenced',
  'poison',
] as const
type Fate = (typeof fates)[number]

function scripted(name: string, script: readonly Fate[]): { readonly pipeline: Pipeline; delivered: number } {
  const world = { delivered: 0 } as { delivered: number; pipeline: Pipeline }
  let run = -1
  const fate = () => script[Math.min(run, script.length - 1)]!
  const sink: Sink<number> = {
    name: 'scripted',
    batch: { maxRecords: 2 },
    open: async () => {
      run++
      if (fate() === 'open fails') throw new TypeError('open')
      if (fate() === 'open is away') throw away()
      if (fate() === 'open hangs') await new Promise(() => {})
      let attempts = 0
      return {
        write: async ({ records }, signal) => {
          if (fate() === 'write fails') throw new Error('write')
          if (fate() === 'fenced') throw new MillraceError('MILL_PARTITION_FENCED', { source: 's', partition: '0' })
          attempts++
          if (fate() === 'second write fails' && attempts === 2) throw new Error('second')
          if (fate() === 'write was away' && attempts < 3) throw away()
          if (fate() === 'write hangs') await new Promise((_, reject) => signal.addEventListener('abort', () => reject(signal.reason)))
          world.delivered += records.length
        },
      }
    },
  }
  const source: Source<number> = {
    name: 'numbers',
    commits: 'prefix',
    open: async () => {
      let at = 0
      return {
        async read(_, signal) {
          if (at === 4 && fate() !== 'endless') return null
          if (at === 4) return new Promise((_, reject) => signal.addEventListener('abort', () => reject(signal.reason), { once: true }))
          at += 2
          return [at - 2, at - 1].map(position => ({ value: position, position }))
        },
      }
    },
  }
  world.pipeline = definePipeline({
    name,
    source,
    steps: records => {
      if (fate() === 'poison') throw new MillraceError('MILL_STEPS_FAILED', { pipeline: name, origin: 'numbers 0@1' })
      return records
    },
    sink,
    onFailure: memoryQuarantine(),
    limits: { startTimeoutMs: 3_000, stopTimeoutMs: 2_000 },
  })
  return world
}

/** Which states may follow which. */
const follows: Readonly<Record<string, readonly string[]>> = {
  waiting: ['starting', 'running', 'draining', 'stopped', 'waiting'],
  starting: ['running', 'draining', 'waiting', 'failed', 'stopped'],
  running: ['waiting', 'draining', 'failed'],
  draining: ['stopped', 'failed', 'waiting'],
  stopped: [],
  failed: [],
}

const step = fc.oneof(
  { weight: 10, arbitrary: fc.record({ do: fc.constant('wait' as const), ms: fc.integer({ min: 0, max: 20_000 }) }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constantFrom('stop' as const, 'abort' as const), ms: fc.constant(0) }) },
)

describe('a supervisor', () => {
  test('takes only courses that make sense, ends, and leaves nothing behind', async () => {
    const scripts = fc.array(fc.array(fc.constantFrom(...fates), { minLength: 1, maxLength: 5 }), { maxLength: 3 })
    const concurrently = fc.option(fc.integer({ min: 1, max: 3 }), { nil: undefined })
    await fc.assert(
      fc.asyncProperty(scripts, concurrently, fc.array(step, { maxLength: 8 }), async (scripts, concurrently, steps) => {
        const clock = virtualClock()
        const worlds = scripts.map((script, i) => scripted(`p${i}`, script))
        const states = new Map(worlds.map((_, i) => [`p${i}`, 'waiting']))
        const wrong: string[] = []
        let under = 0
        const supervisor = supervise(
          worlds.map(({ pipeline }) => pipeline),
          {
            clock,
            ...(concurrently !== undefined && { concurrently }),
            restart: { initialMs: 100, maxMs: 1_000, maxInARow: 8 },
            onState: ({ name, state }) => {
              const before = states.get(name)!
              if (!follows[before]!.includes(state)) wrong.push(`${name} ${before} → ${state}`)
              states.set(name, state)
              under = supervisor.snapshot().filter(actor => actor.run !== null && !/stopped|failed/.test(actor.state)).length
              if (under > (concurrently ?? 3)) wrong.push(`${under} at a time`)
            },
          },
        )
        for (const { do: what, ms } of steps) {
          if (what === 'wait') await clock.advance(ms)
          else void supervisor[what]()
        }
        const ended = await clock.until(supervisor.stop())
        expect(wrong).toEqual([])
        for (const [i, { state, totals, error, waitingFor, restartAt }] of ended.entries()) {
          expect(['stopped', 'failed']).toContain(state)
          expect(state === 'failed' && error === null).toBe(false)
          expect(totals.delivered).toBe(worlds[i]!.delivered)
          expect([waitingFor, restartAt]).toEqual([null, null])
        }
        expect(clock.pending).toBe(0)
      }),
      { numRuns: 150 },
    )
  }, 60_000)
})

test('totals keep no more than a thousand reasons, however many runs there were', () => {
  const run = (reasons: Record<string, number>) =>
    ({ delivered: 1, skipped: 0, quarantined: 0, reasons, quarantinedBy: reasons }) as unknown as RunSnapshot
  let totals = noTotals
  for (let i = 0; i < 3; i++) {
    totals = added(totals, run(Object.fromEntries(Array.from({ length: 800 }, (_, n) => [`reason ${i * 800 + n}`, 1]))))
  }
  totals = added(totals, run({ 'reason 7': 5 }))
  expect(totals.delivered).toBe(4)
  for (const counts of [totals.reasons, totals.quarantinedBy]) {
    expect(Object.keys(counts)).toHaveLength(1_001)
    expect(counts).toMatchObject({ 'reason 7': 6, 'other reasons': 1_400 })
  }
})
