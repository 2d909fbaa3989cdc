import { createRequire } from 'node:module'
import { describe, expect, it } from 'vitest'
import { type FetchParts, fetchDecoder } from '../../../../src/drivers/kafka/kafkajs-fetch.js'

const require = createRequire(import.meta.url)
const inner = (path: string) => require(`kafkajs/src/${path}`)
const Encoder = inner('protocol/encoder.js')
const { RecordBatch } = inner('protocol/recordBatch/v0/index.js')
const Record = inner('protocol/recordBatch/record/v0/index.js')
const theirs = inner('protocol/requests/fetch/v11/response.js')
const ours = fetchDecoder({
  Decoder: inner('protocol/decoder.js'),
  decodeBatch: inner('protocol/recordBatch/v0/decoder.js'),
  decodeMessages: inner('protocol/requests/fetch/v4/decodeMessages.js'),
} as FetchParts)
const kafkajsDecode: (bytes: Buffer) => Promise<object> = theirs.decode

const batch = async (firstOffset: number, values: readonly string[], compression = 0): Promise<Buffer> => {
  const records = values.map((value, offsetDelta) =>
    Record({ offsetDelta, timestampDelta: 0, key: null, value: Buffer.from(value), headers: { h: 'x' } }),
  )
  const encoded = await RecordBatch({ compression, records, lastOffsetDelta: values.length - 1 })
  encoded.buffer.writeBigInt64BE(BigInt(firstOffset), 0)
  return encoded.buffer
}
const answer = (sets: readonly Buffer[]): Buffer => {
  const encoder = new Encoder().writeInt32(0).writeInt16(0).writeInt32(7).writeInt32(1).writeString('orders').writeInt32(sets.length)
  sets.forEach((set, partition) => {
    encoder.writeInt32(partition).writeInt16(0).writeInt64(9n).writeInt64(9n).writeInt64(0n)
    encoder.writeInt32(1).writeInt64(5n).writeInt64(2n).writeInt32(-1)
    encoder.writeInt32(set.length).writeBufferInternal(set)
  })
  return encoder.buffer
}

describe('fetchDecoder', () => {
  it('reads what kafkajs reads, also where the last batch is cut off', async () => {
    const two = Buffer.concat([await batch(0, ['a', 'b']), await batch(2, ['c'], 1)])
    const cut = Buffer.concat([two, (await batch(3, ['d'])).subarray(0, -4)])
    const bytes = answer([two, Buffer.alloc(0), cut])
    const read = (await ours(bytes)) as { responses: { partitions: { messages: { offset: string }[] }[] }[] }
    expect(read).toEqual(await kafkajsDecode(bytes))
    expect(read.responses[0]!.partitions.map(({ messages }) => messages.map(({ offset }) => offset))).toEqual([
      ['0', '1', '2'],
      [],
      ['0', '1', '2'],
    ])
  })

  it('names the batch that cannot be read', async () => {
    const broken = await batch(41, ['some text that is packed'], 1)
    broken.fill(0, 65)
    await expect(ours(answer([await batch(0, ['a']), Buffer.concat([await batch(40, ['b']), broken])]))).rejects.toMatchObject({
      code: 'MILL_BATCH_UNREADABLE',
      retriable: false,
      details: { topic: 'orders', partition: 1, offset: 41 },
    })
  })
})
