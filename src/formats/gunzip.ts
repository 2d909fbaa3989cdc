import { createGunzip, type Gunzip } from 'node:zlib'
import { ContentError } from './content-error.js'

const CHUNK_BYTES = 256 * 1024

/** Whether content that begins like this is compressed by gzip. Three bytes are enough. @see RFC 1952 §2.3.1 */
export function isGzip(beginning: Uint8Array): boolean {
  return beginning[0] === 0x1f && beginning[1] === 0x8b && beginning[2] === 8
}

/**
 * Decompresses gzip, also of several members, on zlib's own threads. It asks for input when it needs some and holds one chunk of output, however
 * well that was compressed.
 */
export class GzipReader {
  /** How many bytes of content were given. */
  given = 0
  private readonly gunzip: Gunzip
  private isFeeding = false
  private isEnded = false
  private failure: unknown
  private wake: () => void = () => {}

  /** @param input - Gives the next compressed bytes, null at their end. */
  constructor(private readonly input: () => Promise<Uint8Array | null>) {
    // A buffer that is full with one chunk: else zlib would go on and, on damage, take with it what is buffered.
    this.gunzip = createGunzip({ chunkSize: CHUNK_BYTES, highWaterMark: 1 } as Parameters<typeof createGunzip>[0])
    this.gunzip.on('readable', () => this.wake())
    this.gunzip.on('end', () => {
      this.isEnded = true
      this.wake()
    })
    this.gunzip.on('error', error => this.fail(error))
  }

  /**
   * The next bytes of content, null at its end.
   *
   * @throws {ContentError} when the data is damaged or cut off; its offset is that of the content. What `input` throws comes through.
   */
  async read(): Promise<Buffer | null> {
    for (;;) {
      const chunk: Buffer | null = this.gunzip.read()
      if (chunk !== null) {
        this.given += chunk.length
        return chunk
      }
      if (this.failure !== undefined) throw this.failure
      if (this.isEnded) return null
      const changed = new Promise<void>(resolve => {
        this.wake = resolve
      })
      this.feed()
      await changed
    }
  }

  close(): void {
    this.gunzip.destroy()
  }

  private feed(): void {
    if (this.isFeeding) return
    this.isFeeding = true
    this.input().then(
      bytes => {
        if (bytes === null) this.gunzip.end()
        else
          this.gunzip.write(bytes, () => {
            this.isFeeding = false
            this.wake()
          })
      },
      error => this.fail(error),
    )
  }

  private fail(error: unknown): void {
    const code = (error as { code?: unknown }).code
    const isZlib = typeof code === 'string' && code.startsWith('Z_')
    this.failure ??= isZlib ? new ContentError((error as Error).message, this.given, { cause: error }) : error
    this.wake()
  }
}
