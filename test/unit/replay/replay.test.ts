import { merge } from 'rxjs'
import { describe, expect, it } from 'vitest'
import { decode } from '../../../src/operators/decode.js'
import { split } from '../../../src/operators/split.js'
import { transform } from '../../../src/operators/transform.js'
import { replay } from '../../../src/replay/replay.js'
import { definePipeline } from '../../../src/runtime/pipeline.js'
import { memorySink } from '../../../src/sinks/memory.js'
import { memorySource } from '../../../src/sources/memory.js'
import { memoryStore } from '../../../src/stores/memory-store.js'
import { memoryQuarantine } from '../../../src/stores/quarantine-memory.js'

const bytes = (...texts: string[]) => texts.map(text => Buffer.from(text))

/** Orders whose items are rows; items above `limit` are refused. */
function orders(ledger: boolean) {
  const store = memoryStore()
  const quarantine = memoryQuarantine({ store })
  const sink = memorySink<number>({ store, ledger })
  const world = { limit: 10, quarantine, sink }
  const pipeline = definePipeline({
    name: 'orders',
    source: memorySource(bytes('[1,20,3]', '[40]', 'not json')),
    steps: records =>
      records.pipe(
        decode('json'),
        split(order => order as number[]),
        transform(item => {
          if (item > world.limit) throw new Error(`${item} is too much`)
          return item
        }),
      ),
    sink,
    onFailure: quarantine,
  })
  return { ...world, world, pipeline }
}

describe.each([{ ledger: true }, { ledger: false }])('replay, ledger: $ledger', ({ ledger }) => {
  it('sends what failed through the pipeline again, of a split only the failed part', async () => {
    const { pipeline, world, quarantine, sink } = orders(ledger)
    expect(await pipeline.start().finished).toMatchObject({ delivered: 2, quarantined: 3 })
    world.limit = 100
    expect(await replay(pipeline, { from: quarantine, where: { stage: 'transform' } }).finished).toMatchObject({
      delivered: 2,
      quarantined: 0,
    })
    expect(sink.rows).toEqual([1, 3, 20, 40])
    expect(sink.origins.at(-2)).toEqual({ source: 'memory', partition: '0', position: 0, part: '1' })
    expect(quarantine.entries.map(({ stage }) => stage)).toEqual(['decode'])
  })

  it('keeps what fails again, once, and does not loop', async () => {
    const { pipeline, world, quarantine, sink } = orders(ledger)
    await pipeline.start().finished
    world.limit = 30
    expect(await replay(pipeline, { from: quarantine }).finished).toMatchObject({ delivered: 1, quarantined: 2 })
    expect(sink.rows).toEqual([1, 3, 20])
    expect(quarantine.entries.map(({ stage, origin }) => [stage, origin.position])).toEqual([
      ['transform', 1],
      ['decode', 2],
    ])
    expect(await replay(pipeline, { from: quarantine }).finished).toMatchObject({ delivered: 0, quarantined: 2 })
    expect(quarantine.entries).toHaveLength(2)
  })

  it('replays entries of its own pipeline only, unless told', async () => {
    const { pipeline, quarantine } = orders(ledger)
    await pipeline.start().finished
    expect(await replay(pipeline, { from: quarantine, where: { pipeline: 'another' } }).finished).toMatchObject({
      delivered: 0,
      quarantined: 0,
    })
  })
})

describe('replay', () => {
  it('gives each entry back to the named source that it came from', async () => {
    const quarantine = memoryQuarantine()
    const sink = memorySink<string>()
    let isBroken = true
    const fix = (tag: string) => (text: string) => {
      if (isBroken) throw new Error('broken')
      return `${tag} ${text}`
    }
    const pipeline = definePipeline({
      name: 'two',
      source: { a: memorySource(bytes('x')), b: memorySource(bytes('y')) },
      steps: ({ a, b }) => merge(a.pipe(decode('text'), transform(fix('a'))), b.pipe(decode('text'), transform(fix('b')))),
      sink,
      onFailure: quarantine,
    })
    await pipeline.start().finished
    isBroken = false
    expect(await replay(pipeline, { from: quarantine }).finished).toMatchObject({ delivered: 2 })
    expect([...sink.rows].sort()).toEqual(['a x', 'b y'])
  })

  it('brings values that are not bytes back as they were', async () => {
    const quarantine = memoryQuarantine()
    const sink = memorySink<{ readonly n: number }>()
    let isBroken = true
    const pipeline = definePipeline({
      name: 'values',
      source: memorySource([{ n: 1 }]),
      steps: records =>
        records.pipe(
          transform(value => {
            if (isBroken) throw new Error('broken')
            return value
          }),
        ),
      sink,
      onFailure: quarantine,
    })
    await pipeline.start().finished
    isBroken = false
    await replay(pipeline, { from: quarantine }).finished
    expect(sink.rows).toEqual([{ n: 1 }])
  })
})
