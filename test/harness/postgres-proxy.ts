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
 * What becomes of a message: it passes; it is held, and with it all that follows in that direction; its first half passes and the rest is held (rows of
 * a COPY so that the server takes that half); it is lost, and both sides are cut.
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

  /** Lets what is held go on, as if the network had only been slow; `decide` is asked about it anew, but for what passed by half. */
  release(): void {
    for (const pair of this.pairs) pair.release()
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

type Passing = Pick<ProxiedMessage, 'type' | 'bytes' | 'text'>

class Pair {
  readonly closed: Promise<unknown>
  private readonly carriers: readonly Carrier[]

  constructor(
    private readonly client: Socket,
    private readonly server: Socket,
    connection: number,
    decide: (message: ProxiedMessage) => Verdict,
  ) {
    const cut = (): void => this.cut()
    this.carriers = [
      new Carrier(client, server, message => decide({ from: 'client', connection, ...message }), cut, false),
      new Carrier(server, client, message => decide({ from: 'server', connection, ...message }), cut, true),
    ]
    this.closed = Promise.all([closing(client), closing(server)])
  }

  release(): void {
    for (const carrier of this.carriers) carrier.release()
  }

  cut(): void {
    this.client.destroy()
    this.server.destroy()
  }
}

/** One direction of a pair. */
class Carrier {
  private readonly reader: MessageReader
  private isHeld = false
  /** What has been read and not sent on: the message that is held, or its second half. */
  private held: { readonly message: Passing | null; readonly rest: Buffer } | null = null

  constructor(
    source: Socket,
    private readonly sink: Socket,
    private readonly decide: (message: Passing) => Verdict,
    private readonly cut: () => void,
    hasLetter: boolean,
  ) {
    // A client's first message has no letter.
    this.reader = new MessageReader(hasLetter)
    source.setNoDelay(true)
    source.on('data', chunk => {
      this.reader.add(chunk)
      this.carry()
    })
    // A side that goes takes the other with it, after what was on its way.
    source.on('error', () => {})
    source.on('close', () => sink.destroySoon())
  }

  release(): void {
    if (!this.isHeld) return
    this.isHeld = false
    const { held } = this
    this.held = null
    if (held?.message) this.pass(held.message)
    else if (held) this.sink.write(held.rest)
    this.carry()
  }

  private carry(): void {
    for (let next = this.isHeld ? null : this.reader.next(); next !== null; next = this.isHeld ? null : this.reader.next()) this.pass(next)
  }

  private pass(message: Passing): void {
    const verdict = this.decide(message)
    if (verdict === 'cut') return this.cut()
    if (verdict === 'pass') {
      this.sink.write(message.bytes)
      return
    }
    this.isHeld = true
    if (verdict === 'hold') {
      this.held = { message, rest: message.bytes }
      return
    }
    const [first, rest] = halves(message)
    this.held = { message: null, rest }
    this.sink.write(first)
  }
}

/** A server reads a message whole before it acts on it; but rows may come in messages of any size, so these become two. */
function halves({ type, bytes }: Passing): [first: Buffer, rest: Buffer] {
  const middle = bytes.length >> 1
  const first = Buffer.from(bytes.subarray(0, middle))
  const rest = bytes.subarray(middle)
  if (type !== 'd') return [first, rest]
  first.writeUInt32BE(first.length - 1, 1)
  const head = Buffer.from(bytes.subarray(0, 5))
  head.writeUInt32BE(rest.length + 4, 1)
  return [first, Buffer.concat([head, rest])]
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

  next(): Passing | null {
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
