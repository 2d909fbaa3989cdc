import { constants } from 'node:fs'
import { type FileHandle, open } from 'node:fs/promises'
import { MillraceError } from '../core/errors.js'
import { fileError } from './file-error.js'

const CHUNK_BYTES = 256 * 1024

/** How a file is opened. */
export interface RawFileOptions {
  readonly path: string
  /** How messages name it. */
  readonly name: string
  /** Whether `path` may be a symbolic link. */
  readonly followLinks: boolean
}

/** The bytes of an open file, up to the size that it had when it was opened, one chunk ahead of what is asked for. */
export class RawFile {
  /** Where the next chunk begins. */
  at = 0
  /** From here on chunks are single bytes. */
  singlyFrom = Number.POSITIVE_INFINITY
  private ahead: Promise<Buffer | null> | null = null

  private constructor(
    private readonly name: string,
    private readonly handle: FileHandle,
    readonly size: number,
    private readonly modifiedMs: number,
  ) {}

  /** @throws {MillraceError} `MILL_FILE_UNREADABLE`, or `MILL_FILE_CHANGED` where it is gone. */
  static async open({ path, name, followLinks }: RawFileOptions): Promise<RawFile> {
    // O_NONBLOCK: a pipe that took the file's place must not hang the run. Windows has neither of the two.
    const flags = constants.O_RDONLY | (constants.O_NONBLOCK ?? 0) | (followLinks ? 0 : (constants.O_NOFOLLOW ?? 0))
    const handle = await open(path, flags).catch(error => {
      throw fileError(name, error)
    })
    try {
      const stats = await handle.stat()
      if (!stats.isFile()) throw new MillraceError('MILL_FILE_UNREADABLE', { path: name, reason: 'it is not a regular file' })
      return new RawFile(name, handle, stats.size, stats.mtimeMs)
    } catch (error) {
      await handle.close()
      throw fileError(name, error)
    }
  }

  /** The next chunk, never empty; null at the end. */
  async read(): Promise<Buffer | null> {
    const chunk = await (this.ahead ?? this.load())
    this.ahead = null
    if (chunk === null) return null
    this.at += chunk.length
    if (this.at < this.size) {
      this.ahead = this.load()
      // Its error is told when the chunk is asked for; until then nobody listens.
      this.ahead.catch(() => {})
    }
    return chunk
  }

  async seek(at: number): Promise<void> {
    await this.settleAhead()
    this.at = at
  }

  /** Up to `length` bytes of the beginning, wherever reading stands. */
  async beginning(length: number): Promise<Buffer> {
    const bytes = Buffer.alloc(length)
    let filled = 0
    while (filled < length) {
      const { bytesRead } = await this.handle.read(bytes, filled, length - filled, filled)
      if (bytesRead === 0) break
      filled += bytesRead
    }
    return bytes.subarray(0, filled)
  }

  /** How the file stands now. A new time alone says little: appending, or touching, changes nothing that was read. */
  async now(): Promise<{ readonly hasGrown: boolean; readonly isTouched: boolean }> {
    const { size, mtimeMs } = await this.handle.stat()
    if (size < this.size) throw this.truncated(size)
    return { hasGrown: size > this.size, isTouched: mtimeMs !== this.modifiedMs }
  }

  async close(): Promise<void> {
    await this.settleAhead()
    await this.handle.close()
  }

  private async load(): Promise<Buffer | null> {
    const { at, singlyFrom } = this
    const length = at >= singlyFrom ? 1 : Math.min(CHUNK_BYTES, this.size - at, singlyFrom - at)
    if (at >= this.size) return null
    const { buffer, bytesRead } = await this.handle.read(Buffer.allocUnsafeSlow(length), 0, length, at)
    if (bytesRead === 0) throw this.truncated(at)
    return bytesRead === length ? buffer : buffer.subarray(0, bytesRead)
  }

  private async settleAhead(): Promise<void> {
    await this.ahead?.catch(() => {})
    this.ahead = null
  }

  private truncated(size: number): MillraceError {
    const reason = `it had ${this.size} bytes when it was opened, and has ${size} now`
    return new MillraceError('MILL_FILE_CHANGED', { path: this.name, reason })
  }
}
