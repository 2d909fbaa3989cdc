import fc from 'fast-check'
import { Subject } from 'rxjs'
import { describe, expect, it } from 'vitest'
import { delay } from '../../../src/core/clock.js'
import type { Envelope } from '../../../src/core/envelope.js'
import { handle } from '../../../src/operators/handle.js'
import { ManualClock, Records } from '../../harness/records.js'

interface Job {
  readonly id: number
  readonly key: string | null
  /** When it comes, after the one before. */
  readonly gap: number
  /** How long it takes; 0 is synchronous. */
  readonly ms: number
  readonly ends: 'well' | 'skipped' | 'failed' | 'missing'
  /** How often infrastructure is away before. */
  readonly away: number
}

const jobs = fc
  .array(
    fc.record({
      key: fc.constantFrom('a', 'b', 'c', null),
      gap: fc.nat(8),
      ms: fc.nat(12),
      ends: fc.constantFrom('well', 'well', 'well', 'skipped', 'failed', 'missing'),
      away: fc.constantFrom(0, 0, 0, 1, 3),
    }),
    { maxLength: 24 },
  )
  .map(list => list.map((job, id): Job => ({ id, ...job })))

const told = { well: 'delivered', skipped: 'skipped no', failed: 'failed no in handle', missing: 'failed MILL_RESULT_MISSING in handle' }

describe('handle against a model', () => {
  it.each(['source', 'key', 'none'] as const)(
    'order %s: all settle once, as they should, in order, never too many, never idle',
    async order => {
      await fc.assert(
        fc.asyncProperty(jobs, fc.integer({ min: 1, max: 5 }), async (list, concurrency) => {
          const came: Job[] = []
          const begun = new Set<number>()
          const working = new Map<number, Job>()
          const clock = new ManualClock(() => {
            const keys = new Set([...working.values()].map(({ key }) => key))
            const held = came.filter(({ id, key }) => !begun.has(id) && !(order === 'key' && key !== null && keys.has(key)))
            // A place is free although a record waits that may go.
            if (working.size < concurrency) expect(held).toEqual([])
          })
          const records = new Records(clock)
          const source = new Subject<Envelope<Job>>()
          let completions = 0

          const end = (job: Job): { readonly id: number } => {
            working.delete(job.id)
            if (job.ends === 'failed') throw new Error('no')
            return job.ends === 'missing' ? (undefined as never) : { id: job.id }
          }
          source
            .pipe(
              handle(
                (job, context) => {
                  if (context.attempt === 1) {
                    begun.add(job.id)
                    if (order === 'key' && job.key !== null) expect([...working.values()].map(({ key }) => key)).not.toContain(job.key)
                  }
                  working.set(job.id, job)
                  expect(working.size).toBeLessThanOrEqual(concurrency)
                  if (context.attempt <= job.away) throw Object.assign(new Error('away'), { retryable: true })
                  if (job.ends === 'skipped' && job.ms === 0) {
                    working.delete(job.id)
                    return context.skip('no') as never
                  }
                  if (job.ms === 0) return end(job)
                  return delay(clock, job.ms).then(() => {
                    const value = end(job)
                    return job.ends === 'skipped' ? (context.skip('no') as never) : value
                  })
                },
                { concurrency, order },
              ),
            )
            .subscribe({ next: record => records.deliver(record), complete: () => completions++ })

          for (const job of list) {
            await clock.advance(job.gap)
            came.push(job)
            source.next(records.record(job, { key: job.key }))
          }
          source.complete()
          await clock.advance()

          expect(completions).toBe(1)
          expect(records).toMatchObject({ open: [], working: 0, waiting: 0 })
          expect(records.outcomes.size).toBe(list.length)
          for (const { id, ends } of list) expect(records.told[id]).toMatch(new RegExp(`^${told[ends]}`))
          const delivered = records.values as { readonly id: number }[]
          const groups =
            order === 'source' ? [() => true] : order === 'key' ? ['a', 'b', 'c'].map(key => (id: number) => list[id]!.key === key) : []
          for (const isMember of groups) {
            const ids = delivered.map(({ id }) => id).filter(isMember)
            expect(ids).toEqual(ids.toSorted((a, b) => a - b))
          }
        }),
        { numRuns: 150 },
      )
    },
  )
})
