import { promisify } from 'node:util'
import zlib from 'node:zlib'
import { MillraceError } from '../../core/errors.js'

/** Packs and unpacks the records of a batch. */
export interface BatchCodec {
  compress(bytes: Buffer): Promise<Buffer>
  /** @throws {MillraceError} `MILL_CODEC_UNAVAILABLE` where the package is not installed or has no build for this machine. */
  decompress(bytes: Buffer): Promise<Buffer>
}

/** The codecs that Kafka has besides gzip. */
export type CodecName = 'snappy' | 'lz4' | 'zstd'

interface Snappy {
  compress(bytes: Buffer): Promise<Buffer>
  uncompress(bytes: Buffer, options: { readonly asBuffer: true }): Promise<string | Buffer>
}
interface Lz4 {
  compressFrame(bytes: Buffer): Promise<Buffer>
  decompressFrame(bytes: Buffer): Promise<Buffer>
}
interface Zstd {
  compress(bytes: Buffer): Promise<Buffer>
  decompress(bytes: Buffer): Promise<Buffer>
}

/** A codec whose package is loaded when a batch first needs it. */
export function batchCodec(name: CodecName): BatchCodec {
  let loading: Promise<BatchCodec> | undefined
  const load = () => {
    loading ??= loaders[name]().catch(cause => {
      loading = undefined
      throw unavailable(name, cause)
    })
    return loading
  }
  return {
    compress: async bytes => (await load()).compress(bytes),
    decompress: async bytes => (await load()).decompress(bytes),
  }
}

const loaders: Readonly<Record<CodecName, () => Promise<BatchCodec>>> = {
  snappy: async () => {
    const snappy: Snappy = await import('snappy')
    const unpack = async (bytes: Buffer) => (await snappy.uncompress(bytes, { asBuffer: true })) as Buffer
    return { compress: bytes => snappy.compress(bytes), decompress: bytes => fromSnappy(bytes, unpack) }
  },
  lz4: async () => {
    const lz4: Lz4 = await import('lz4-napi')
    return { compress: bytes => lz4.compressFrame(bytes), decompress: bytes => lz4.decompressFrame(bytes) }
  },
  zstd: async () => {
    const { zstdCompress, zstdDecompress } = zlib as unknown as { readonly zstdCompress?: Packing; readonly zstdDecompress?: Packing }
    if (zstdCompress !== undefined && zstdDecompress !== undefined)
      return { compress: promisify(zstdCompress), decompress: promisify(zstdDecompress) }
    const zstd: Zstd = await import('@mongodb-js/zstd')
    return { compress: bytes => zstd.compress(bytes), decompress: bytes => zstd.decompress(bytes) }
  },
}

/** Node's own zstd, from 22.15 on. */
type Packing = (bytes: Buffer, done: (error: Error | null, result: Buffer) => void) => void

/** Of Java's clients: 0x82 `SNAPPY` 0x00, two versions, then blocks, each with its length before it. */
const XERIAL_MAGIC = Buffer.from([0x82, 0x53, 0x4e, 0x41, 0x50, 0x50, 0x59, 0x00])
const XERIAL_HEADER_BYTES = 16

/** Unpacks both framings that are met on topics: one raw block, and xerial's blocks. */
export async function fromSnappy(bytes: Buffer, unpack: (block: Buffer) => Promise<Buffer>): Promise<Buffer> {
  if (!bytes.subarray(0, XERIAL_MAGIC.length).equals(XERIAL_MAGIC)) return unpack(bytes)
  const blocks: Promise<Buffer>[] = []
  for (let at = XERIAL_HEADER_BYTES; at < bytes.length; ) {
    const start = at + 4
    const end = start + bytes.readInt32BE(at)
    if (end <= start || end > bytes.length) throw new Error(`a block of snappy ends at byte ${end} of ${bytes.length}`)
    blocks.push(unpack(bytes.subarray(start, end)))
    at = end
  }
  return Buffer.concat(await Promise.all(blocks))
}

function unavailable(codec: CodecName, cause: unknown): Error {
  const reason = cause instanceof Error ? cause.message : String(cause)
  // kafkajs would try again for a while, and keeps only the innermost cause: so this one has none, and says that trying again is of no use.
  return Object.assign(new MillraceError('MILL_CODEC_UNAVAILABLE', { codec, reason }), { retriable: false })
}
