import { memorySink, memorySource, virtualClock } from 'millrace/testing'
import { describe, expect, test } from 'vitest'
import { definePipeline } from '../../../src/runtime/pipeline.js'

describe('memorySource', () => {
  test('goes on behind what an earlier run of the same object committed', async () => {
    const source = memorySource(['a', 'b'])
    const sink = memorySink<string>()
    const pipeline = definePipeline({ name: 'p', source, steps: records => records, sink, onFailure: 'halt' })
    await pipeline.start().finished
    source.add('c')
    await pipeline.start().finished
    expect(sink.rows).toEqual(['a', 'b', 'c'])
    expect([...source.committed]).toEqual([['0', 3]])
  })

  test('waits for more while it is endless, and ends when it is told to', async () => {
    const clock = virtualClock()
    const source = memorySource<number>([], { endless: true, partition: n => `p${n % 2}` })
    const sink = memorySink<number>()
    const run = definePipeline({ name: 'p', source, steps: records => records, sink, onFailure: 'halt' }).start({ clock })
    await clock.advance(1_000)
    expect(run.snapshot()).toMatchObject({ state: 'running', delivered: 0 })
    source.add(1, 2, 3)
    await clock.advance(1_000)
    expect(sink.rows).toEqual([1, 2, 3])
    expect(sink.origins.map(({ partition, position }) => `${partition}@${position}`)).toEqual(['p1@0', 'p0@1', 'p1@2'])
    source.end()
    expect(await clock.until(run.finished)).toMatchObject({ delivered: 3 })
    expect(clock.pending).toBe(0)
  })

  test('ends with the run that it waits for', async () => {
    const clock = virtualClock()
    const source = memorySource<number>([1], { endless: true })
    const run = definePipeline({ name: 'p', source, steps: records => records, sink: memorySink<number>(), onFailure: 'halt' }).start({
      clock,
    })
    await clock.advance(10)
    expect(await clock.until(run.stop())).toMatchObject({ delivered: 1 })
    expect([...source.committed]).toEqual([['0', 1]])
  })

  test('is copied from its list: what is pushed there later is not read', async () => {
    const list = [1]
    const source = memorySource(list)
    list.push(2)
    const sink = memorySink<number>()
    await definePipeline({ name: 'p', source, steps: records => records, sink, onFailure: 'halt' }).start().finished
    expect(sink.rows).toEqual([1])
  })

  test('checks its options when it is made', () => {
    expect(() => memorySource([], { endles: true } as never)).toThrow(/did you mean endless/)
    expect(() => memorySink({ maxConcurrentWrites: 0 })).toThrow(/maxConcurrentWrites/)
    expect(() => memorySink({ store: {} as never })).toThrow(/memoryStore/)
  })
})
