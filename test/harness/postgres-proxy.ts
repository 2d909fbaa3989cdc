import { once } from 'node:events'
import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net'

/** One message of Postgres's protocol on its way through the proxy. */
export interface ProxiedMessage {
  readonly from: 'client' | 'server'
  /** The protocol's letter: from the client `Q` query, `P` parse, `d` COPY rows, `c` COPY done; from the server `C` command complete. '' at start-up. */
  readonly type: string
  /** The message with its head. */
  readonly bytes: Buffer
  /** Its body as text: the SQL of a query, the tag of a completed command. */
  readonly text: string
  /** Counts the connections of this proxy from 1. */
  readonly connection: number
}

/**
 * What becomes of a message: it passes; it is held and with it all that follows in that direction; only its first half passes and the rest is held;
 * it is dropped, as if the network had lost it, and both sides are cut.
 */
export type Verdict = 'pass' | 'hold' | 'half' | 'cut'

/**
 * Stands between clients and a Postgres, and decides over each message that passes.
 *
 * @see PostgreSQL documentation, 55.7 (message formats)
 */
export class PostgresProxy {
  /** Decides over each message. Default: all pass. */
  decide: (message: ProxiedMessage) => Verdict = () => 'pass'
  private readonly pairs = new Set<Pair>()
  private connections = 0

  private constructor(
    private readonly target: URL,
    private readonly server: Server,
  ) {}

  static async start(address: string): Promise<PostgresProxy> {
    const server = createServer()
    const proxy = new PostgresProxy(new URL(address), server)
    server.on('connection', client => proxy.join(client))
    server.listen(0, '127.0.0.1')
    await once(server, 'listening')
    return proxy
  }

  /** The address of the target, by way of the proxy. */
  get address(): string {
    const url = new URL(this.target)
    url.hostname = '127.0.0.1'
    url.port = `${(this.server.address() as AddressInfo).port}`
    return url.href
  }

  /** Cuts all connections, as a network that breaks. New ones may come. */
  cut(): void {
    for (const pair of this.pairs) pair.cut()
  }

  async close(): Promise<void> {
    this.server.close()
    this.cut()
    await once(this.server, 'close')
  }

  private join(client: Socket): void {
    const connection = ++this.connections
    const server = connect(Number(this.target.port || 5432), this.target.hostname)
    const pair = new Pair(client, server, connection, message => this.decide(message))
    this.pairs.add(pair)
    pair.closed.then(() => this.pairs.delete(pair))
  }
}

class Pair {
  readonly closed: Promise<unknown>

  constructor(
    private readonly client: Socket,
    private readonly server: Socket,
    connection: number,
    decide: (message: ProxiedMessage) => Verdict,
  ) {
    client.setNoDelay(true)
    server.setNoDelay(true)
    this.carry('client', client, server, connection, decide)
    this.carry('server', server, client, connection, decide)
    this.closed = Promise.all([closing(client), closing(server)])
  }

  cut(): void {
    this.client.destroy()
    this.server.destroy()
  }

  private carry(
    from: 'client' | 'server',
    source: Socket,
    sink: Socket,
    connection: number,
    decide: (message: ProxiedMessage) => Verdict,
  ): void {
    // A client's first message has no letter.
    const reader = new MessageReader(from === 'server')
    let isHeld = false
    source.on('data', chunk => {
      reader.add(chunk)
      for (let next = reader.next(); next !== null && !isHeld; next = reader.next()) {
        const verdict = decide({ from, connection, ...next })
        if (verdict === 'cut') return this.cut()
        if (verdict === 'pass') sink.write(next.bytes)
        else isHeld = true
        if (verdict === 'half') sink.write(next.bytes.subarray(0, next.bytes.length >> 1))
      }
    })
    // A side that goes takes the other with it, after what was on its way.
    source.on('error', () => {})
    source.on('close', () => sink.destroySoon())
  }
}

// Not `once`, which rejects when a socket is reset.
const closing = (socket: Socket): Promise<void> => new Promise(resolve => socket.once('close', () => resolve()))

/** Cuts a stream into messages. */
class MessageReader {
  private pending: Buffer = Buffer.alloc(0)

  constructor(private hasLetter: boolean) {}

  add(chunk: Buffer): void {
    this.pending = this.pending.length === 0 ? chunk : Buffer.concat([this.pending, chunk])
  }

  next(): Pick<ProxiedMessage, 'type' | 'bytes' | 'text'> | null {
    const head = this.hasLetter ? 1 : 0
    if (this.pending.length < head + 4) return null
    const length = head + this.pending.readUInt32BE(head)
    if (this.pending.length < length) return null
    const bytes = this.pending.subarray(0, length)
    this.pending = this.pending.subarray(length)
    const type = this.hasLetter ? String.fromCharCode(bytes[0]!) : ''
    this.hasLetter = true
    return { type, bytes, text: bytes.toString('latin1', head + 4) }
  }
}
