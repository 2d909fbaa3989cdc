import { MillraceError } from '../core/errors.js'
import { ContentError } from '../formats/content-error.js'
import { GzipReader, isGzip } from '../formats/gunzip.js'
import { fileError } from './file-error.js'
import { RawFile, type RawFileOptions } from './raw-file.js'

/** How much of a content's beginning names it: see `contentIdentity`. */
const HEAD_BYTES = 1024

/**
 * The content of one file from any byte on: decompressed, where it is gzip.
 *
 * Throws `MILL_FILE_UNREADABLE`, `MILL_FILE_CHANGED` or `MILL_FILE_CORRUPT`; what lies before the damage is given first.
 */
export class FileContent {
  /** Where in the content the next chunk begins. */
  offset = 0
  private gzip: GzipReader | null = null
  /** The rest of a chunk of which only the beginning was passed over. */
  private unread: Buffer | null = null
  /** Where in the file the piece of input begins that zlib was given last. */
  private lastFedAt = 0
  private isCareful = false

  private constructor(
    private readonly name: string,
    private readonly raw: RawFile,
    private readonly isCompressed: boolean,
    private beginning: Buffer,
  ) {}

  static async open(options: RawFileOptions): Promise<FileContent> {
    const raw = await RawFile.open(options)
    try {
      const beginning = await raw.beginning(HEAD_BYTES)
      const isCompressed = isGzip(beginning)
      if (!isCompressed && options.path.endsWith('.gz')) throw new ContentError('it is named .gz and does not begin like gzip', 0)
      const content = new FileContent(options.name, raw, isCompressed, beginning)
      if (isCompressed) await content.readHead()
      return content
    } catch (error) {
      await raw.close()
      throw fileError(options.name, error)
    }
  }

  /** The first bytes of the content, at most 1024. */
  get head(): Buffer {
    return this.beginning
  }

  /** The size of the content in bytes; undefined where it is compressed. */
  get size(): number | undefined {
    return this.isCompressed ? undefined : this.raw.size
  }

  /** The next bytes of the content, never none; null at its end. */
  async read(): Promise<Buffer | null> {
    try {
      return await this.next()
    } catch (error) {
      throw fileError(this.name, error)
    }
  }

  /** Reading goes on at `offset`. False where the content ends before it. */
  async seek(offset: number): Promise<boolean> {
    try {
      if (!this.isCompressed) {
        if (offset > this.raw.size) return false
        await this.raw.seek(offset)
        this.offset = offset
        return true
      }
      if (offset < this.offset) await this.rewind()
      return await this.skipTo(offset)
    } catch (error) {
      throw fileError(this.name, error)
    }
  }

  /**
   * To be asked at the end: whether the file has grown since it was opened.
   *
   * @throws {MillraceError} `MILL_FILE_CHANGED` where it became shorter, or begins with something else now.
   */
  async hasGrown(): Promise<boolean> {
    try {
      const { hasGrown, isTouched } = await this.raw.now()
      if (isTouched && !this.isCompressed && !this.head.equals(await this.raw.beginning(this.head.length))) {
        throw new MillraceError('MILL_FILE_CHANGED', { path: this.name, reason: 'its beginning was overwritten' })
      }
      return hasGrown
    } catch (error) {
      throw fileError(this.name, error)
    }
  }

  async close(): Promise<void> {
    this.gzip?.close()
    await this.raw.close()
  }

  private async readHead(): Promise<void> {
    const parts: Buffer[] = []
    try {
      while (this.offset < HEAD_BYTES) {
        const chunk = await this.next()
        if (chunk === null) break
        parts.push(chunk)
      }
    } catch (error) {
      // Damage this early is met again, and told, after the records before it were read.
      if (!(error instanceof ContentError)) throw error
    }
    this.beginning = Buffer.from(Buffer.concat(parts).subarray(0, HEAD_BYTES))
    await this.rewind()
  }

  private async next(): Promise<Buffer | null> {
    const chunk = this.unread ?? (this.isCompressed ? await this.unzipped() : await this.raw.read())
    this.unread = null
    if (chunk !== null) this.offset += chunk.length
    return chunk
  }

  private async unzipped(): Promise<Buffer | null> {
    this.gzip ??= new GzipReader(() => {
      this.lastFedAt = this.raw.at
      return this.raw.read()
    })
    try {
      return await this.gzip.read()
    } catch (error) {
      if (!(error instanceof ContentError) || this.isCareful) throw error
      return await this.lookCloser()
    }
  }

  /**
   * zlib reports damage without the output that it had made of the same piece of input. So all is decompressed once more, that piece byte by byte,
   * and what lies before the damage comes out.
   */
  private async lookCloser(): Promise<Buffer | null> {
    const { offset } = this
    this.isCareful = true
    this.raw.singlyFrom = this.lastFedAt
    await this.rewind()
    await this.skipTo(offset)
    const chunk = this.unread ?? (await this.unzipped())
    this.unread = null
    return chunk
  }

  private async rewind(): Promise<void> {
    this.gzip?.close()
    this.gzip = null
    this.unread = null
    this.offset = 0
    await this.raw.seek(0)
  }

  private async skipTo(offset: number): Promise<boolean> {
    while (this.offset < offset) {
      const chunk = await this.next()
      if (chunk === null) return false
      const over = this.offset - offset
      if (over <= 0) continue
      this.unread = chunk.subarray(chunk.length - over)
      this.offset = offset
    }
    return true
  }
}
