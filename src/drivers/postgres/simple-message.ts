import type { Connection, Submittable } from 'pg'
import type { MessageResult } from './database-session.js'

type Done = (error: unknown, results: readonly MessageResult[]) => void

interface Socket {
  cork(): void
  uncork(): void
  write(bytes: Uint8Array): boolean
  readonly writable: boolean
}

const COPY_DATA = 0x64
const copyDone = Buffer.from([0x63, 0, 0, 0, 4])
/** Larger copies go out in parts, so that an error of an early row ends the sending. Bytes. */
const CHUNK = 1024 * 1024

/**
 * One simple-protocol message as pg's query queue takes it: the text, and when the server asks for them, the rows of each COPY.
 *
 * pg's own Query refuses COPY, and pg-copy-streams sends a COPY alone; here staging, rows, ledger and commit are one round trip.
 *
 * @see PostgreSQL documentation, 55.2.3 and 55.2.6
 * @internal
 */
export class SimpleMessage implements Submittable {
  private readonly results: MessageResult[] = []
  private rows: (string | null)[][] = []
  private nextCopy = 0
  private isDone = false

  constructor(
    private readonly sql: string,
    private readonly copies: readonly Buffer[],
    private readonly done: Done,
  ) {}

  submit(connection: Connection): void {
    connection.query(this.sql)
  }

  handleRowDescription(): void {
    this.rows = []
  }

  handleDataRow({ fields }: { fields: (string | null)[] }): void {
    this.rows.push(fields)
  }

  handleCommandComplete({ text }: { text: string }): void {
    // The tag's last word is the count, where it has one: `INSERT 0 5`, `COPY 5`, `BEGIN`.
    const count = Number(text.slice(text.lastIndexOf(' ') + 1))
    this.results.push({ rows: this.rows, rowCount: Number.isNaN(count) ? 0 : count })
    this.rows = []
  }

  handleCopyInResponse(connection: Connection): void {
    const socket = connection.stream as unknown as Socket
    const bytes = this.copies[this.nextCopy++]
    if (bytes === undefined) {
      ;(connection as unknown as { sendCopyFail(text: string): void }).sendCopyFail('no rows were given')
      return
    }
    if (!socket.writable) return
    socket.cork()
    for (let from = 0; from < bytes.byteLength; from += CHUNK) {
      const chunk = bytes.subarray(from, from + CHUNK)
      const head = Buffer.allocUnsafe(5)
      head[0] = COPY_DATA
      head.writeUInt32BE(chunk.byteLength + 4, 1)
      socket.write(head)
      socket.write(chunk)
    }
    socket.write(copyDone)
    socket.uncork()
  }

  handleReadyForQuery(): void {
    this.finish(null)
  }

  handleError(error: unknown): void {
    this.finish(error)
  }

  handleEmptyQuery(): void {}
  handleCopyData(): void {}
  handlePortalSuspended(): void {}

  private finish(error: unknown): void {
    if (this.isDone) return
    this.isDone = true
    this.done(error, this.results)
  }
}
