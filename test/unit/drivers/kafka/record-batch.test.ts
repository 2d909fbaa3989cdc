import { createRequire } from 'node:module'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { fetchedMessage } from '../../../../src/drivers/kafka/kafkajs-message.js'
import { areRecordBatches, type RecordsAsked, readRecords } from '../../../../src/drivers/kafka/record-batch.js'

const require = createRequire(import.meta.url)
const inner = (path: string) => require(`kafkajs/src/${path}`)
const Decoder = inner('protocol/decoder.js')
const { RecordBatch } = inner('protocol/recordBatch/v0/index.js')
const Record = inner('protocol/recordBatch/record/v0/index.js')
const decodeBatch = inner('protocol/recordBatch/v0/decoder.js')

interface Given {
  readonly key: Buffer | null
  readonly value: Buffer | null
  readonly timestamp: number
  readonly headers: Readonly<globalThis.Record<string, Buffer | Buffer[]>>
}
const gzip = 1
const bare = (value: string): Given => ({ key: null, value: Buffer.from(value), timestamp: 1_700_000_000_000, headers: {} })

/** Kafkajs's own writer of batches. */
async function batch(first: number, given: readonly Given[], compression = 0, more: object = {}): Promise<Buffer> {
  const firstTimestamp = given[0]?.timestamp ?? 0
  const records = given.map(({ timestamp, ...of }, offsetDelta) =>
    Record({ ...of, offsetDelta, timestampDelta: timestamp - firstTimestamp }),
  )
  const encoded = await RecordBatch({ compression, records, firstTimestamp, lastOffsetDelta: given.length - 1, ...more })
  encoded.buffer.writeBigInt64BE(BigInt(first), 0)
  return encoded.buffer
}
const asked = (more: Partial<RecordsAsked> = {}): RecordsAsked => ({ topic: 'orders', partition: 3, from: 0, aborted: [], ...more })
const values = async (bytes: Buffer, more?: Partial<RecordsAsked>) =>
  (await readRecords(bytes, asked(more))).messages.map(({ offset, value }) => [offset, value === null ? null : `${value}`])

/** A batch whose records are gone, or are something else. */
const withAttributes = (bytes: Buffer, attributes: number): Buffer => {
  const copy = Buffer.from(bytes)
  copy.writeInt16BE(attributes, 21)
  return copy
}
const transactional = (bytes: Buffer) => withAttributes(bytes, 16)
const marker = async (first: number, producerId: number, type: 0 | 1) => {
  const key = Buffer.from([0, 0, 0, type])
  return withAttributes(await batch(first, [{ ...bare(''), key }], 0, { producerId }), 16 | 32)
}

const bytesOrNull = fc.option(fc.uint8Array({ maxLength: 300 }).map(of => Buffer.from(of)))
const given: fc.Arbitrary<Given> = fc.record({
  key: bytesOrNull,
  value: bytesOrNull,
  timestamp: fc.integer({ min: 0, max: 4_000_000_000_000 }),
  headers: fc.dictionary(
    fc.string({ minLength: 1, maxLength: 10 }).filter(name => !/^\d+$/.test(name) && !(name in {})),
    bytesOrNull.map(of => of ?? Buffer.alloc(0)),
    { maxKeys: 3 },
  ),
})

describe('readRecords', () => {
  it('reads what kafkajs reads of what kafkajs wrote, packed or not, from any offset', async () => {
    const first = fc.integer({ min: 0, max: 2 ** 48 })
    await fc.assert(
      fc.asyncProperty(
        first,
        fc.array(given, { minLength: 1, maxLength: 30 }),
        fc.constantFrom(0, gzip),
        fc.nat(40),
        async (at, of, codec, skip) => {
          const bytes = await batch(at, of, codec)
          const { records } = await decodeBatch(new Decoder(bytes))
          const theirs = records.map(fetchedMessage).filter(({ offset }: { offset: number }) => offset >= at + skip)
          const ours = await readRecords(bytes, asked({ from: at + skip }))
          expect(ours.messages.map(({ headers, ...rest }) => ({ ...rest, headers: headers.map(([n, v]) => [n, Buffer.from(v)]) }))).toEqual(
            theirs.map(({ headers, ...rest }: { headers: [string, Uint8Array][] }) => ({
              ...rest,
              headers: headers.map(([n, v]) => [n, Buffer.from(v)]),
            })),
          )
          expect(ours.nextOffset).toBe(at + of.length)
        },
      ),
    )
  })

  it('keeps the order of headers, repeats among others', async () => {
    const pair = (name: string, value: string) => [name.length * 2, ...Buffer.from(name), value.length * 2, ...Buffer.from(value)]
    const body = [0, 0, 0, 1, 1, 6, ...pair('b', '1'), ...pair('a', '2'), ...pair('b', '3')]
    const whole = await batch(5, [bare('x')])
    const bytes = Buffer.concat([whole.subarray(0, 61), Buffer.from([body.length * 2, ...body])])
    bytes.writeInt32BE(bytes.length - 12, 8)
    const [message] = (await readRecords(bytes, asked())).messages
    expect(message!.headers.map(([name, value]) => `${name}${value}`)).toEqual(['b1', 'a2', 'b3'])
    expect(message).toMatchObject({ key: null, value: null })
  })

  it("gives the broker's time where the topic says so", async () => {
    const bytes = withAttributes(await batch(0, [bare('a')], 0, { maxTimestamp: 1_800_000_000_000 }), 8)
    expect((await readRecords(bytes, asked())).messages).toMatchObject([{ timestamp: 1_800_000_000_000 }])
  })

  it('reads whole batches only, wherever the answer is cut off', async () => {
    const one = await batch(0, [bare('a'), bare('b')])
    const two = Buffer.concat([one, await batch(2, [bare('c')], gzip)])
    for (let end = 0; end <= two.length; end++) {
      const expected = end < one.length ? [] : [[0, 'a'], [1, 'b'], ...(end < two.length ? [] : [[2, 'c']])]
      expect(await values(two.subarray(0, end))).toEqual(expected)
    }
  })

  it('leaves out control records and what was aborted, but not what others wrote between', async () => {
    const bytes = Buffer.concat([
      transactional(await batch(0, [bare('lost')], 0, { producerId: 7 })),
      await batch(1, [bare('plain')], 0, { producerId: 7 }),
      transactional(await batch(2, [bare('kept')], 0, { producerId: 8 })),
      transactional(await batch(3, [bare('lost, too')], 0, { producerId: 7 })),
      await marker(4, 7, 0),
      await marker(5, 8, 1),
      transactional(await batch(6, [bare('later')], 0, { producerId: 7 })),
      await marker(7, 7, 1),
    ])
    const aborted = [{ producerId: 7n, firstOffset: 0n }]
    expect(await values(bytes, { aborted })).toEqual([
      [1, 'plain'],
      [2, 'kept'],
      [6, 'later'],
    ])
    expect((await readRecords(bytes, asked({ aborted }))).nextOffset).toBe(8)
    expect(await readRecords(await marker(4, 7, 0), asked())).toEqual({ messages: [], nextOffset: 5 })
  })

  it('goes on behind what compaction removed at the end of a batch', async () => {
    const bytes = await batch(10, [bare('a')])
    bytes.writeInt32BE(999, 23)
    expect(await readRecords(bytes, asked({ from: 11 }))).toEqual({ messages: [], nextOffset: 1_010 })
    expect(await readRecords(Buffer.alloc(0), asked())).toEqual({ messages: [], nextOffset: null })
  })

  it.each([
    ['packed by what is not what it says', async () => withAttributes(await batch(41, [bare('a'), bare('b')]), gzip)],
    [
      'a control batch without the key of its record',
      async () => withAttributes((await batch(41, [bare('a'), bare('b')])).fill(0, 61, 62), 16 | 32),
    ],
    ['packed by what nobody knows', async () => withAttributes(await batch(41, [bare('a'), bare('b')]), 7)],
    ['damaged in its text', async () => (await batch(41, [bare('a'), bare('b')])).fill(0xff, 64)],
    [
      'shorter than it says',
      async () => {
        const bytes = await batch(41, [bare('a'), bare('b')])
        bytes.writeInt32BE(3, 57)
        return bytes
      },
    ],
  ])('makes one message of a batch that is %s, and reads what stands around it', async (_, make) => {
    const broken = await make()
    const bytes = Buffer.concat([await batch(40, [bare('before')]), broken, await batch(43, [bare('behind')])])
    const { messages, nextOffset } = await readRecords(bytes, asked())
    expect(messages.map(({ offset }) => offset)).toEqual([40, 42, 43])
    expect(messages[1]).toMatchObject({
      value: broken,
      key: null,
      fault: { code: 'MILL_BATCH_UNREADABLE', retryable: false, details: { topic: 'orders', partition: 3, offset: 41, last: 42 } },
    })
    expect(nextOffset).toBe(44)
  })

  it('never hangs or throws on whatever bytes', async () => {
    const whole = await batch(0, [bare('a'), { ...bare('b'), headers: { h: Buffer.from('x') } }])
    await fc.assert(
      fc.asyncProperty(fc.array(fc.tuple(fc.integer({ min: 12, max: whole.length - 1 }), fc.nat(255)), { maxLength: 6 }), async changes => {
        const bytes = Buffer.from(whole)
        for (const [at, byte] of changes) bytes[at] = byte
        if ((bytes[22]! & 7) > 1) bytes[22] = 0
        const { messages } = await readRecords(bytes, asked({ from: -(2 ** 40) }))
        expect(messages.length).toBeLessThanOrEqual(whole.length)
      }),
    )
  })

  it('tells batches from the message sets of old', async () => {
    expect(areRecordBatches(await batch(0, [bare('a')]))).toBe(true)
    expect(areRecordBatches(Buffer.alloc(0))).toBe(true)
    expect(areRecordBatches(Buffer.alloc(30))).toBe(false)
  })
})
