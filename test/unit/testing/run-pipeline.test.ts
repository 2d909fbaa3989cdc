import { runPipeline, virtualClock } from 'millrace/testing'
import { merge, mergeMap } from 'rxjs'
import { describe, expect, test } from 'vitest'
import { delay } from '../../../src/core/clock.js'
import type { Envelope } from '../../../src/core/envelope.js'
import { type Operator, recordOperator } from '../../../src/core/operator.js'
import type { Source } from '../../../src/core/source.js'
import { definePipeline } from '../../../src/runtime/pipeline.js'
import { memorySink } from '../../../src/sinks/memory.js'
import { memorySource } from '../../../src/sources/memory.js'
import { memoryQuarantine } from '../../../src/stores/quarantine-memory.js'

const neverOpened = <T = Uint8Array>(name: string): Source<T> => ({
  name,
  commits: 'prefix',
  open: () => Promise.reject(new Error(`${name} must not be opened`)),
})

const each = <In, Out>(stage: string, fn: (value: In, record: Envelope<In>) => Out): Operator<In, Out> =>
  recordOperator(stage, out => record => out.next(record.with(fn(record.value, record))))

const parse = (): Operator<Uint8Array, { id: number }> => each('parse', value => JSON.parse(Buffer.from(value).toString()))

const dropOdd = (): Operator<{ id: number }, { id: number }> =>
  recordOperator('dropOdd', out => record => (record.value.id % 2 === 1 ? record.skip('odd') : out.next(record)))

const even = definePipeline({
  name: 'even',
  source: neverOpened('real'),
  steps: records => records.pipe(parse(), dropOdd()),
  sink: memorySink<{ id: number }>(),
  onFailure: memoryQuarantine(),
})

describe('runPipeline', () => {
  test('gives what is delivered, skipped and quarantined', async () => {
    const { delivered, skipped, quarantined, summary } = await runPipeline(even, [
      '{"id":2}',
      '{"id":3}',
      'no json',
      Buffer.from('{"id":4}'),
    ])
    expect(delivered).toEqual([{ id: 2 }, { id: 4 }])
    expect(skipped).toEqual([{ reason: 'odd' }])
    expect(quarantined).toHaveLength(1)
    expect(quarantined[0]).toMatchObject({ stage: 'parse', origin: { source: 'real', partition: '0', position: 2, part: '' } })
    expect(quarantined[0]!.error).toBeInstanceOf(SyntaxError)
    expect(Buffer.from(quarantined[0]!.raw).toString()).toBe('no json')
    expect(summary).toMatchObject({ delivered: 2, skipped: 1, quarantined: 1 })
  })

  test('runs again from the start', async () => {
    for (let i = 0; i < 2; i++) expect((await runPipeline(even, ['{"id":2}'])).delivered).toEqual([{ id: 2 }])
  })

  test('ends at once without records', async () => {
    expect(await runPipeline(even, [])).toMatchObject({ delivered: [], skipped: [], quarantined: [] })
  })

  test('feeds named sources by their names', async () => {
    const both = definePipeline({
      name: 'both',
      source: { a: neverOpened('x'), b: neverOpened<number>('y') },
      steps: ({ a, b }) => merge(a.pipe(parse()), b.pipe(each('wrap', id => ({ id })))),
      sink: memorySink<{ id: number }>(),
      onFailure: 'halt',
    })
    const { delivered } = await runPipeline(both, { a: ['{"id":1}'], b: [2, 3] })
    expect(delivered).toHaveLength(3)
    expect(delivered).toEqual(expect.arrayContaining([{ id: 1 }, { id: 2 }, { id: 3 }]))
  })

  test('gives records keys, headers and partitions', async () => {
    const shown = definePipeline({
      name: 'shown',
      source: neverOpened<number>('real'),
      steps: records => records.pipe(each('show', (_, { key, headers, origin }) => `${key} ${headers.text('h')} ${origin.partition}`)),
      sink: memorySink<string>(),
      onFailure: 'halt',
    })
    const { delivered } = await runPipeline(shown, [7, 8], {
      key: record => `k${record}`,
      headers: (_, i) => [['h', `h${i}`]],
      partition: record => `p${record}`,
    })
    expect(delivered).toEqual(['k7 h0 p7', 'k8 h1 p8'])
  })

  test('leaves text as it is where the source is over text', async () => {
    const texts = definePipeline({
      name: 'texts',
      source: memorySource(['one of its own']),
      steps: records => records.pipe(each('upper', value => value.toUpperCase())),
      sink: memorySink<string>(),
      onFailure: 'halt',
    })
    expect((await runPipeline(texts, ['a', 'b'])).delivered).toEqual(['A', 'B'])
  })

  test('rejects as the pipeline would where it halts on failure', async () => {
    const strict = definePipeline({
      name: 'strict',
      source: neverOpened('real'),
      steps: records => records.pipe(parse()),
      sink: memorySink<{ id: number }>(),
      onFailure: 'halt',
    })
    await expect(runPipeline(strict, ['no json'])).rejects.toMatchObject({ code: 'MILL_RECORD_FAILED' })
  })

  test('takes virtual time: an hour in a step costs nothing', async () => {
    const clock = virtualClock()
    const slow = definePipeline({
      name: 'slow',
      source: neverOpened<number>('real'),
      steps: records => records.pipe(mergeMap(async record => delay(clock, 3_600_000).then(() => record))),
      sink: memorySink<number>(),
      onFailure: 'halt',
    })
    const began = clock.now()
    const { delivered } = await clock.until(runPipeline(slow, [1], { clock }))
    expect(delivered).toEqual([1])
    expect(clock.now() - began).toBeGreaterThanOrEqual(3_600_000)
    expect(clock.pending).toBe(0)
  })

  test('refuses options that it does not know', async () => {
    await expect(runPipeline(even, [], { keys: () => null } as never)).rejects.toMatchObject({ code: 'MILL_OPTION_UNKNOWN' })
  })
})
