import { compress, uncompress } from 'snappy'
import { describe, expect, it } from 'vitest'
import { batchCodec, fromSnappy } from '../../../../src/drivers/kafka/codecs.js'

const unpack = async (block: Buffer) => (await uncompress(block, { asBuffer: true })) as Buffer
const text = Buffer.from('a line of text\n'.repeat(5_000))

/** As Java's snappy frames a stream. */
async function xerial(bytes: Buffer, blockBytes: number): Promise<Buffer> {
  const parts: Buffer[] = [Buffer.from([0x82, 0x53, 0x4e, 0x41, 0x50, 0x50, 0x59, 0, 0, 0, 0, 1, 0, 0, 0, 1])]
  for (let at = 0; at < bytes.length; at += blockBytes) {
    const block = await compress(bytes.subarray(at, at + blockBytes))
    const length = Buffer.alloc(4)
    length.writeInt32BE(block.length)
    parts.push(length, block)
  }
  return Buffer.concat(parts)
}

describe('a codec', () => {
  it.each(['snappy', 'lz4', 'zstd'] as const)('gives back what %s packed, and packs it', async name => {
    const codec = batchCodec(name)
    const packed = await codec.compress(text)
    expect(packed.length).toBeLessThan(text.length / 5)
    expect((await codec.decompress(packed)).equals(text)).toBe(true)
  })

  it.each(['snappy', 'lz4', 'zstd'] as const)('fails for bytes that %s did not pack', async name => {
    await expect(batchCodec(name).decompress(Buffer.from('nothing of the kind'))).rejects.toThrow()
  })
})

describe('fromSnappy', () => {
  it('unpacks one raw block, and the blocks of Java', async () => {
    expect((await fromSnappy(await compress(text), unpack)).equals(text)).toBe(true)
    expect((await fromSnappy(await xerial(text, 32_768), unpack)).equals(text)).toBe(true)
  })

  it('refuses a block that is cut off', async () => {
    const framed = await xerial(text, 32_768)
    await expect(fromSnappy(framed.subarray(0, -5), unpack)).rejects.toThrow(/ends at byte/)
  })
})
