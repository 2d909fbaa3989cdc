import { option, resolveOptions } from '../core/options.js'
import type { Codec, Incoming, Prefix, SourceContext, SourceOf, SourceSession } from '../core/source.js'

/** Options of {@link memorySource}. All functions get the record and its index. */
export interface MemorySourceOptions<T> {
  /** Default `'memory'`. */
  readonly name?: string
  /** Which partition a record is in. Positions are the index in the whole list, so a partition has gaps. Default: all in `'0'`. */
  readonly partition?: (record: T, index: number) => string
  /** Default: no key. */
  readonly key?: (record: T, index: number) => Uint8Array | string | null
  /** Default: none. */
  readonly headers?: (record: T, index: number) => NonNullable<Incoming<T>['headers']>
  /** The size of a record in bytes. Default: that of bytes or text, 1 for anything else. */
  readonly bytes?: (record: T, index: number) => number
  /** Milliseconds since 1970. Default: when it is read. */
  readonly timestamp?: (record: T, index: number) => number
  /** Waits at the end of the list for `add`, until `end` is called. Default false: it is exhausted there. */
  readonly endless?: boolean
}

/** A source over a list in memory. */
export interface MemorySource<T> extends SourceOf<T, 'prefix', Prefix> {
  /** The next position to read by partition, as the last run committed it. A later run of the same object goes on there. */
  readonly committed: ReadonlyMap<string, number>
  /** Appends records; one that waits for them reads on. */
  add(...records: readonly T[]): void
  /** Nothing more will be added: the source is exhausted at the end of the list. */
  end(): void
}

/** Values that are not bytes are quarantined as JSON, and come back on a replay. */
const json: Codec<unknown> = {
  encode: value => Buffer.from(JSON.stringify(value) ?? 'null'),
  decode: bytes => JSON.parse(Buffer.from(bytes).toString()),
}

/**
 * Gives the records of a list, with their index as position.
 *
 * It remembers what was committed: a second run of the same object goes on behind it, or, where the sink keeps a ledger, at the ledger's first
 * hole. Make a new one to read the list again.
 *
 * @throws {MillraceError} `MILL_OPTION_INVALID` or `MILL_OPTION_UNKNOWN` for wrong options.
 */
export function memorySource<T>(records: readonly T[], options: MemorySourceOptions<T> = {}): MemorySource<T> {
  const resolved = resolveOptions<MemorySourceOptions<T>>('memorySource', options, {
    name: option.text({ default: 'memory' }),
    partition: option.function({ default: () => '0' }),
    key: option.function({ optional: true }),
    headers: option.function({ optional: true }),
    bytes: option.function({ default: sizeOf }),
    timestamp: option.function({ optional: true }),
    endless: option.boolean({ default: false }),
  }) as Resolved<T>
  const list = new MemoryList(records, resolved.endless)
  const source: MemorySource<T> = {
    name: resolved.name,
    commits: 'prefix',
    ...(records.length > 0 && !(records[0] instanceof Uint8Array) && { codec: json as Codec<T> }),
    open: async context => new MemorySourceSession(list, resolved, context),
    describe: () => [`memory: ${records.length} records, ${resolved.endless ? 'without end' : 'then it ends'}`],
    committed: list.committed,
    add: (...added) => list.add(added),
    end: () => list.end(),
  }
  if (typeof records[0] === 'string') overText.add(source)
  return source
}

const overText = new WeakSet<object>()

/**
 * Whether this is a memory source whose records are text: tests that feed it text mean text, and not bytes.
 * @internal
 */
export function isOverText(source: object): boolean {
  return overText.has(source)
}

type Resolved<T> = MemorySourceOptions<T> & Required<Pick<MemorySourceOptions<T>, 'name' | 'partition' | 'bytes' | 'endless'>>

function sizeOf(record: unknown): number {
  return record instanceof Uint8Array ? record.byteLength : typeof record === 'string' ? Buffer.byteLength(record) : 1
}

/** The records, what is committed of them, and who waits for more. Outlives the sessions. */
class MemoryList<T> {
  readonly records: T[]
  readonly committed = new Map<string, number>()
  private readonly waiting = new Set<() => void>()

  constructor(
    records: readonly T[],
    private isOpen: boolean,
  ) {
    this.records = [...records]
  }

  add(records: readonly T[]): void {
    this.records.push(...records)
    this.wake()
  }

  end(): void {
    this.isOpen = false
    this.wake()
  }

  /** Resolves to true when there is a record at `index`, to false when there never will be; rejects when the signal is aborted. */
  async has(index: number, signal: AbortSignal): Promise<boolean> {
    while (index >= this.records.length && this.isOpen) {
      await new Promise<void>((resolve, reject) => {
        if (signal.aborted) return reject(signal.reason)
        const onAbort = () => {
          this.waiting.delete(wake)
          reject(signal.reason)
        }
        const wake = () => {
          signal.removeEventListener('abort', onAbort)
          resolve()
        }
        signal.addEventListener('abort', onAbort, { once: true })
        this.waiting.add(wake)
      })
    }
    return index < this.records.length
  }

  private wake(): void {
    const waiting = [...this.waiting]
    this.waiting.clear()
    for (const wake of waiting) wake()
  }
}

class MemorySourceSession<T> implements SourceSession<T, Prefix> {
  private at = 0
  /** Where each partition goes on: records before it were settled by an earlier run. */
  private readonly from = new Map<string, number>()

  constructor(
    private readonly list: MemoryList<T>,
    private readonly options: Resolved<T>,
    private readonly context: SourceContext,
  ) {}

  async read(limit: { readonly records: number; readonly bytes: number }, signal: AbortSignal): Promise<readonly Incoming<T>[] | null> {
    const batch: Incoming<T>[] = []
    for (let bytes = 0; batch.length < limit.records && bytes < limit.bytes; ) {
      if (this.at >= this.list.records.length && (batch.length > 0 || !(await this.list.has(this.at, signal)))) break
      const incoming = this.incomingAt(this.at)
      const { partition, position } = incoming
      const from = this.from.get(partition) ?? (await this.start(partition))
      this.at++
      if (position < from) continue
      batch.push(incoming)
      bytes += incoming.bytes
    }
    return batch.length > 0 ? batch : null
  }

  async commit(done: readonly Prefix[]): Promise<void> {
    for (const { partition, next } of done) this.list.committed.set(partition, next)
  }

  lag(): ReadonlyMap<string, number> {
    const { partition } = this.options
    const lag = new Map<string, number>()
    for (let i = this.at; i < this.list.records.length; i++) {
      const name = partition(this.list.records[i]!, i)
      lag.set(name, (lag.get(name) ?? 0) + 1)
    }
    return lag
  }

  private async start(partition: string): Promise<number> {
    const { from } = await this.context.assigned(partition)
    const start = (this.context.ledger ? from : this.list.committed.get(partition)) ?? 0
    this.from.set(partition, start)
    return start
  }

  private incomingAt(index: number) {
    const { partition, key, headers, bytes, timestamp } = this.options
    const value = this.list.records[index]!
    return {
      value,
      position: index,
      partition: partition(value, index),
      bytes: bytes(value, index),
      ...(key && { key: key(value, index) }),
      ...(headers && { headers: headers(value, index) }),
      ...(timestamp && { timestamp: timestamp(value, index) }),
    }
  }
}
