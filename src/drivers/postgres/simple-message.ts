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
  /** What making the rows threw. */
  private fault: { readonly error: unknown } | null = null

  constructor(
    private readonly sql: string,
    private readonly copies: readonly Iterable<Buffer>[],
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
    const parts = this.copies[this.nextCopy++]
    if (parts === undefined) return failCopy(connection, 'no rows were given')
    if (!socket.writable) return
    try {
      // Each part goes at once: the server reads it while the next one is encoded.
      for (const part of parts) sendPart(socket, part)
    } catch (error) {
      this.fault ??= { error }
      return failCopy(connection, 'the rows could not be encoded')
    }
    socket.write(copyDone)
  }

  handleReadyForQuery(): void {
    this.finish(null)
  }

  handleError(error: unknown): void {
    this.finish(this.fault === null ? error : this.fault.error)
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

function sendPart(socket: Socket, part: Buffer): void {
  const head = Buffer.allocUnsafe(5)
  head[0] = COPY_DATA
  head.writeUInt32BE(part.byteLength + 4, 1)
  socket.cork()
  socket.write(head)
  socket.write(part)
  socket.uncork()
}

const failCopy = (connection: Connection, reason: string): void =>
  (connection as unknown as { sendCopyFail(text: string): void }).sendCopyFail(reason)
