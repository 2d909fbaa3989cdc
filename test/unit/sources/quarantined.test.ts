import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { RecordHeaders } from '../../../src/core/headers.js'
import type { Quarantine } from '../../../src/core/quarantine.js'
import {
  decode,
  definePipeline,
  fileQuarantine,
  memoryQuarantine,
  memorySink,
  memorySource,
  quarantinedSource,
  replay,
  split,
  transform,
} from '../../../src/index.js'
import { memoryStore } from '../../../src/stores/memory-store.js'
import { sourceBehaviours } from '../../../src/testing/source-behaviours.js'
import { OpenSource } from '../../../src/testing/source-world.js'
import { entriesOf, failureAt, putFailures } from '../../harness/failures.js'

describe('quarantinedSource', () => {
  const behaviours = sourceBehaviours<Uint8Array>({
    async prepare(records) {
      const quarantine = memoryQuarantine()
      const encoder = new TextEncoder()
      const failures = records.map(({ value, key, headers }, i) =>
        failureAt(i, value, { key: key === null ? null : encoder.encode(key), headers: [...RecordHeaders.from(headers)] }),
      )
      await putFailures(quarantine, failures)
      return { source: () => quarantinedSource(quarantine) }
    },
    value: n => Buffer.from(`{"n":${n}}`),
    keys: true,
    headers: true,
  })
  for (const { name, run } of behaviours) test(name, run)

  test('gives records as they were read first', async () => {
    const quarantine = memoryQuarantine()
    const origin = { source: 'files', partition: 'in/a.ndjson', position: 1024, part: '3.0' }
    const headers = [['h', Buffer.from([0, 255])] as const]
    await putFailures(quarantine, [failureAt(0, '[1]', { origin, headers, key: Buffer.from([255]), timestamp: 42 })])
    const open = await OpenSource.open(quarantinedSource(quarantine), 1_000)
    const [record, ...others] = (await open.read())!
    expect(others).toEqual([])
    expect(record).toMatchObject({ origin, headers, timestamp: 42, position: quarantine.entries[0]!.id })
    expect(Buffer.from(record!.value)).toEqual(Buffer.from('[1]'))
    expect(record).not.toHaveProperty('fault')
    expect(await open.read()).toBeNull()
    await open.close()
  })

  test.each([0, 2])('does not end as if it were done when its place goes away after %i entries', async given => {
    const quarantine = memoryQuarantine()
    await putFailures(
      quarantine,
      [0, 1, 2, 3].map(i => failureAt(i, `${i}`)),
    )
    let listings = 0
    const failing: Quarantine = {
      ...quarantine,
      async *list(filter) {
        let at = 0
        const isFirst = ++listings === 1
        for await (const entry of quarantine.list(filter)) {
          if (isFirst && at++ === given) throw Object.assign(new Error('away'), { retryable: true })
          yield entry
        }
      },
    }
    const sink = memorySink<string>()
    const run = definePipeline({
      name: 'test',
      source: quarantinedSource(failing),
      steps: records => records.pipe(decode('text')),
      sink,
      onFailure: 'halt',
    }).start()
    if (given > 0) await expect(run.finished).rejects.toMatchObject({ code: 'MILL_SOURCE_FAILED', cause: { message: 'away' } })
    else expect(await run.finished).toMatchObject({ delivered: 4 })
    expect(quarantine.entries).toHaveLength(4 - sink.rows.length)
  })

  test('fails what is only a beginning, and keeps why it failed first, however often', async () => {
    const quarantine = memoryQuarantine()
    await putFailures(quarantine, [failureAt(0, 'beginning', { rawBytes: 9_999, rawSha256: 'ab', error: new TypeError('first') })])
    for (let i = 0; i < 3; i++) {
      const run = definePipeline({
        name: 'test',
        source: quarantinedSource(quarantine),
        steps: records => records,
        sink: memorySink(),
        onFailure: quarantine,
      })
      expect(await run.start().finished).toMatchObject({ delivered: 0, quarantined: 1, reasons: { MILL_QUARANTINE_PREFIX: 1 } })
      expect(quarantine.entries).toMatchObject([
        { rawBytes: 9_999, rawSha256: 'ab', error: { code: 'MILL_QUARANTINE_PREFIX', cause: { message: 'first' } } },
      ])
    }
  })

  test.each([{ stag: 'x' }, { stage: '' }, { since: '2024-01-01' }, { until: new Date(Number.NaN) }])('refuses the filter %o', where => {
    expect(() => quarantinedSource(memoryQuarantine(), where as never)).toThrow(/^quarantinedSource: /)
  })

  test('a listing that is not read to its end is left in order', async () => {
    let left = 0
    const quarantine = memoryQuarantine()
    await putFailures(quarantine, [failureAt(0), failureAt(1)])
    const watched: Quarantine = {
      ...quarantine,
      async *list(filter) {
        try {
          yield* quarantine.list(filter)
        } finally {
          left++
        }
      },
    }
    const open = await OpenSource.open(quarantinedSource(watched), 1_000)
    await open.read(1)
    await open.close()
    expect(left).toBe(1)
  })
})

describe.each(['memory', 'one memory store with its sink', 'files'])('replay from a quarantine in %s', kind => {
  let directory: string
  beforeEach(async () => {
    directory = await mkdtemp(join(tmpdir(), 'millrace-replay-'))
  })
  afterEach(() => rm(directory, { recursive: true, force: true }))

  function world() {
    const store = memoryStore()
    const quarantine = kind === 'files' ? fileQuarantine(directory) : memoryQuarantine(kind === 'memory' ? {} : { store })
    const sink = memorySink<string>({ store })
    return { quarantine, sink }
  }

  test('a record that fails again stays one entry; one that does not leaves', async () => {
    const { quarantine, sink } = world()
    let bad = ['b', 'c', 'd']
    const check = transform((value: string) => {
      if (bad.includes(value)) throw new RangeError(`${value} is bad`)
      return value
    })
    const pipeline = definePipeline({
      name: 'test',
      source: memorySource(['a', 'b', 'c', 'd'].map(text => Buffer.from(text))),
      steps: records => records.pipe(decode('text'), check),
      sink,
      onFailure: quarantine,
    })
    await pipeline.start().finished
    expect(await entriesOf(quarantine)).toHaveLength(3)
    const ids = (await entriesOf(quarantine)).map(({ id }) => id)

    bad = ['c', 'd']
    for (let i = 0; i < 3; i++) {
      const summary = await replay(pipeline, { from: quarantine }).finished
      expect(summary).toMatchObject({ delivered: i === 0 ? 1 : 0, quarantined: 2 })
      const entries = await entriesOf(quarantine)
      expect(entries.map(({ origin, raw }) => [origin.position, Buffer.from(raw).toString()])).toEqual([
        [2, 'c'],
        [3, 'd'],
      ])
      // A new id each time: a ledger has covered the one before.
      for (const { id } of entries) expect(ids).not.toContain(id)
      ids.push(...entries.map(({ id }) => id))
    }
    bad = []
    expect(await replay(pipeline, { from: quarantine }).finished).toMatchObject({ delivered: 2, quarantined: 0 })
    expect(await entriesOf(quarantine)).toEqual([])
    expect([...sink.rows].sort()).toEqual(['a', 'b', 'c', 'd'])
  })

  test('of a record that was split only the failed part comes again; of one that failed whole, its bad parts stay', async () => {
    const { quarantine, sink } = world()
    let bad = /^(b|z)$/
    let wholeFails = true
    const pipeline = definePipeline({
      name: 'test',
      source: memorySource(['a b c', 'x y z'].map(text => Buffer.from(text))),
      steps: records =>
        records.pipe(
          decode('text'),
          transform((line: string) => {
            if (wholeFails && line.startsWith('x')) throw new RangeError('whole')
            return line
          }),
          split((line: string) => line.split(' ')),
          transform((word: string) => {
            if (bad.test(word)) throw new RangeError(word)
            return word
          }),
        ),
      sink,
      onFailure: quarantine,
    })
    const parts = async () => (await entriesOf(quarantine)).map(({ origin }) => `${origin.position}#${origin.part}`).sort()
    await pipeline.start().finished
    expect(await parts()).toEqual(['0#1', '1#'])
    wholeFails = false
    await replay(pipeline, { from: quarantine }).finished
    // The whole has come apart: its good parts are delivered, so only the bad one may come again.
    expect(await parts()).toEqual(['0#1', '1#2'])
    expect([...sink.rows].sort()).toEqual(['a', 'c', 'x', 'y'])
    bad = /^$/
    await replay(pipeline, { from: quarantine }).finished
    expect(await parts()).toEqual([])
    expect([...sink.rows].sort()).toEqual(['a', 'b', 'c', 'x', 'y', 'z'])
  })

  test('through another pipeline an entry moves there', async () => {
    const { quarantine, sink } = world()
    await putFailures(quarantine, [failureAt(0, 'one'), failureAt(1, 'two')], 'former')
    const pipeline = definePipeline({
      name: 'latter',
      source: quarantinedSource(quarantine, { pipeline: 'former' }),
      steps: records =>
        records.pipe(
          transform((value: Uint8Array) => {
            const text = Buffer.from(value).toString()
            if (text === 'two') throw new RangeError('again')
            return text
          }),
        ),
      sink,
      onFailure: quarantine,
    })
    expect(await pipeline.start().finished).toMatchObject({ delivered: 1, quarantined: 1 })
    const entries = await entriesOf(quarantine)
    expect(entries.map(entry => [entry.pipeline, entry.error.message])).toEqual([['latter', 'again']])
    expect(entries[0]!.origin).toEqual(failureAt(1).origin)
  })
})
