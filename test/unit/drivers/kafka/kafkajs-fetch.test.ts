import { createRequire } from 'node:module'
import { describe, expect, it } from 'vitest'
import { type FetchParts, fetchDecoders, type Standin } from '../../../../src/drivers/kafka/kafkajs-fetch.js'

const require = createRequire(import.meta.url)
const inner = (path: string) => require(`kafkajs/src/${path}`)
const Encoder = inner('protocol/encoder.js')
const Batch = inner('consumer/batch.js')
const MessageSet = inner('protocol/messageSet/index.js')
const { RecordBatch } = inner('protocol/recordBatch/v0/index.js')
const Record = inner('protocol/recordBatch/record/v0/index.js')
const kafkajsDecode: (bytes: Buffer) => Promise<Answer> = inner('protocol/requests/fetch/v11/response.js').decode
const decoders = fetchDecoders({
  Decoder: inner('protocol/decoder.js'),
  decodeMessages: inner('protocol/requests/fetch/v4/decodeMessages.js'),
} as FetchParts)

interface Answer {
  readonly responses: readonly { readonly partitions: readonly { readonly partition: number; readonly messages: Standin }[] }[]
}
const ours = (bytes: Buffer, from: readonly number[]) =>
  decoders({ topics: [{ topic: 'orders', partitions: from.map((at, partition) => ({ partition, fetchOffset: `${at}` })) }] })(
    bytes,
  ) as Promise<Answer>

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

describe('fetchDecoders', () => {
  it('reads what kafkajs reads, also where the last batch is cut off, and from the offset that was asked for', async () => {
    const two = Buffer.concat([await batch(0, ['a', 'b']), await batch(2, ['c'], 1)])
    const cut = Buffer.concat([two, (await batch(3, ['d'])).subarray(0, -4)])
    const bytes = answer([two, Buffer.alloc(0), cut])
    const [read, theirs] = [await ours(bytes, [0, 0, 1]), await kafkajsDecode(bytes)]
    const bare = ({ responses, ...rest }: Answer) => ({
      ...rest,
      responses: responses.map(({ partitions, ...of }) => ({
        ...of,
        partitions: partitions.map(of => ({ ...of, messages: 0, abortedTransactions: 0 })),
      })),
    })
    expect(bare(read)).toEqual(bare(theirs))
    const offsets = read.responses[0]!.partitions.map(({ messages }) => messages.fetched.map(({ offset }) => offset))
    expect(offsets).toEqual([[0, 1, 2], [], [1, 2]])
  })

  it('gives kafkajs what it goes by: where the batch ends, and whether there is anything in it', async () => {
    const records = answer([await batch(4, ['a', 'b', 'c']), Buffer.alloc(0), await batch(0, ['old'])])
    const batches = (await ours(records, [4, 0, 1])).responses[0]!.partitions.map(
      (of, i) => new Batch('orders', ['4', '0', '1'][i], { ...of, abortedTransactions: [] }),
    )
    const seen = batches.map(of => [of.isEmpty(), of.isEmptyDueToFiltering(), of.messages.length])
    expect(seen).toEqual([
      [false, false, 1],
      [true, false, 0],
      [true, true, 0],
    ])
    expect(batches[0].lastOffset()).toBe('6')
  })

  it('reads message sets of before Kafka 0.11', async () => {
    const set = MessageSet({ messageVersion: 1, entries: [{ key: 'k', value: 'old', timestamp: 1_500_000_000_000, offset: 0 }] })
    const [read] = (await ours(answer([set.buffer]), [0])).responses[0]!.partitions
    expect(read!.messages.fetched.map(({ value, key }) => [`${key}`, `${value}`])).toEqual([['k', 'old']])
  })
})
