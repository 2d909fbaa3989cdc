import { createRequire } from 'node:module'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { crc32c } from '../../../../src/drivers/kafka/crc32c.js'
import type { OutgoingMessage } from '../../../../src/drivers/kafka/driver.js'
import { murmur2 } from '../../../../src/drivers/kafka/murmur2.js'
import { produceRequest, recordBatch } from '../../../../src/drivers/kafka/produce-request.js'
import { readRecords } from '../../../../src/drivers/kafka/record-batch.js'

const require = createRequire(import.meta.url)
const inner = (path: string) => require(`kafkajs/src/${path}`)
const Decoder = inner('protocol/decoder.js')
const decodeBatch = inner('protocol/recordBatch/v0/decoder.js')
const theirCrc32c: (bytes: Buffer) => number = inner('protocol/recordBatch/crc32C/index.js')
const theirMurmur2: (bytes: Buffer) => number = inner('producer/partitioners/default/murmur2.js')
const theirRequest = inner('protocol/requests/produce/v7/request.js')

const bytes = fc.uint8Array({ maxLength: 200 }).map(of => Buffer.from(of))
const bytesOrNull = fc.option(bytes)
const message: fc.Arbitrary<OutgoingMessage> = fc
  .record({
    key: bytesOrNull,
    value: bytesOrNull,
    headers: fc.array(fc.tuple(fc.string({ unit: 'grapheme', maxLength: 8 }), bytes), { maxLength: 4 }),
    timestamp: fc.integer({ min: 0, max: 4_000_000_000_000 }),
  })
  .map(of => ({ topic: 'orders', ...of }))

describe('recordBatch', () => {
  const producer = { producerId: '77', producerEpoch: 3 }

  it.each([0, 1, 2, 3, 4])('writes, with codec %i, what is read again: bytes, times, and headers in their order', async compression => {
    await fc.assert(
      fc.asyncProperty(fc.array(message, { minLength: 1, maxLength: 20 }), async messages => {
        const batch = await recordBatch({ messages, firstSequence: 9 }, { ...producer, compression })
        const read = await readRecords(batch, { topic: 'orders', partition: 0, from: 0, aborted: [] })
        const plain = (of: Pick<OutgoingMessage, 'key' | 'value' | 'headers' | 'timestamp'>) => [
          of.key && Buffer.from(of.key),
          of.value && Buffer.from(of.value),
          of.headers.map(([name, content]) => [name, Buffer.from(content)]),
          of.timestamp,
        ]
        expect(read.messages.map(plain)).toEqual(messages.map(plain))
        expect(batch.readUInt32BE(17)).toBe(theirCrc32c(batch.subarray(21)))
      }),
      { numRuns: compression === 0 ? 100 : 10 },
    )
  })

  it('is read by kafkajs, with the place of its producer', async () => {
    const messages = [1_000, 5_000, 3_000].map(timestamp => ({
      topic: 'orders',
      key: null,
      value: Buffer.from('x'),
      headers: [],
      timestamp,
    }))
    const batch = await recordBatch({ messages, firstSequence: 41 }, { ...producer, compression: 0 })
    const read = await decodeBatch(new Decoder(batch))
    expect(read).toMatchObject({
      producerId: '77',
      producerEpoch: 3,
      firstSequence: 41,
      lastOffsetDelta: 2,
      firstTimestamp: '1000',
      maxTimestamp: '5000',
    })
    expect(read.records.map(({ timestamp }: { timestamp: string }) => timestamp)).toEqual(['1000', '5000', '3000'])
  })
})

describe('produceRequest', () => {
  it("is kafkajs's to the byte, where that keeps what it is given", async () => {
    const of = (value: string) => ({
      topic: 'orders',
      key: Buffer.from('k'),
      value: Buffer.from(value),
      headers: [['h', Buffer.from('v')]] as const,
      timestamp: 1_700_000_000_000,
    })
    const asked = {
      acks: -1,
      timeout: 5_000,
      producerId: '77',
      producerEpoch: 3,
      compression: 0,
      topicData: [
        {
          topic: 'orders',
          partitions: [
            { partition: 2, firstSequence: 4, messages: [of('a'), of('b')] },
            { partition: 0, firstSequence: 0, messages: [of('c')] },
          ],
        },
        { topic: 'überall', partitions: [{ partition: 1, firstSequence: 1, messages: [of('d')] }] },
      ],
    }
    const theirs = theirRequest({
      ...asked,
      topicData: asked.topicData.map(({ topic, partitions }) => ({
        topic,
        partitions: partitions.map(({ messages, ...rest }) => ({
          ...rest,
          messages: messages.map(({ headers, timestamp, ...message }) => ({
            ...message,
            timestamp: `${timestamp}`,
            headers: Object.fromEntries(headers),
          })),
        })),
      })),
    })
    expect((await produceRequest(asked)).toString('hex')).toBe((await theirs.encode()).buffer.toString('hex'))
  })
})

describe('crc32c', () => {
  it.each([
    [Buffer.alloc(32), 0x8a9136aa],
    [Buffer.alloc(32, 0xff), 0x62a8ab43],
    [Buffer.from(Array.from({ length: 32 }, (_, i) => i)), 0x46dd794e],
    [Buffer.from(Array.from({ length: 32 }, (_, i) => 31 - i)), 0x113fdb5c],
  ])('is that of RFC 3720', (given, expected) => {
    expect(crc32c(given)).toBe(expected)
  })

  it('is that of any part, whatever its length', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 100 }), fc.nat(100), (given, from) => {
        expect(crc32c(given, Math.min(from, given.length))).toBe(theirCrc32c(Buffer.from(given.slice(from))))
      }),
    )
  })
})

it('murmur2 is that of kafkajs, which is that of Java', () => {
  fc.assert(
    fc.property(bytes, key => {
      expect(murmur2(key)).toBe(theirMurmur2(key))
    }),
  )
  // Of the tests of Kafka itself.
  expect(
    ['21', 'foobar', 'a-little-bit-long-string', 'lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8'].map(key => murmur2(Buffer.from(key))),
  ).toEqual([-973932308, -790332482, -985981536, -58897971])
})
