import { createHash } from 'node:crypto'
import { memoryQuarantine, memorySink } from 'millrace/testing'
import { describe, expect, test } from 'vitest'
import type { Incoming, Source } from '../../../src/core/source.js'
import { definePipeline } from '../../../src/runtime/pipeline.js'

const MiB = 1024 * 1024

/** What is kept of a record that a source gives, raw by its length. */
async function keptOf(incoming: Partial<Incoming<Uint8Array>>, maxRecordBytes = 8 * MiB) {
  const value = Buffer.from('beginning')
  const batches = [[{ value, position: 0, ...incoming }]]
  const source: Source = { name: 's', commits: 'prefix', open: async () => ({ read: async () => batches.pop() ?? null }) }
  const onFailure = memoryQuarantine()
  const limits = { maxRecordBytes }
  await definePipeline({ name: 'p', source, steps: records => records, sink: memorySink(), onFailure, limits }).start().finished
  const [{ raw, rawBytes, rawSha256 }] = onFailure.entries as [(typeof onFailure.entries)[0]]
  return { raw: raw.byteLength, rawBytes, rawSha256 }
}

describe('what is kept of a record that fails', () => {
  const fault = new Error('not whole')

  test('has the hash that its source took of the whole', async () => {
    expect(await keptOf({ fault, bytes: 5_000, sha256: 'abcd' })).toEqual({ raw: 9, rawBytes: 5_000, rawSha256: 'abcd' })
  })

  test('has that one also where the beginning is longer than what is kept', async () => {
    const value = Buffer.alloc(2 * MiB)
    expect(await keptOf({ value, fault, bytes: 3 * MiB, sha256: 'abcd' })).toEqual({ raw: MiB, rawBytes: 3 * MiB, rawSha256: 'abcd' })
  })

  test('has no hash where its source took none, least of all that of its beginning', async () => {
    const value = Buffer.alloc(2 * MiB)
    expect(await keptOf({ value, fault, bytes: 3 * MiB })).toEqual({ raw: MiB, rawBytes: 3 * MiB, rawSha256: undefined })
  })

  test('has no hash where it is the whole', async () => {
    expect(await keptOf({ fault, bytes: 9, sha256: 'abcd' })).toEqual({ raw: 9, rawBytes: 9, rawSha256: undefined })
  })

  test('has the hash of the whole where the run finds it too large, and only the beginning is kept', async () => {
    const value = Buffer.alloc(3 * MiB, 'abc')
    const rawSha256 = createHash('sha256').update(value).digest('hex')
    expect(await keptOf({ value }, 2 * MiB)).toEqual({ raw: MiB, rawBytes: 3 * MiB, rawSha256 })
    expect(await keptOf({ value: value.subarray(0, MiB) }, 1_000)).toEqual({ raw: MiB, rawBytes: MiB, rawSha256: undefined })
  })
})
