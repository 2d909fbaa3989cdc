import type { HeaderPair } from '../core/headers.js'
import { silentLog } from '../core/log.js'
import type { Incoming, Prefix, Settlement, Source, SourceContext, SourceSession } from '../core/source.js'
import type { World } from './behaviour.js'

/** A record that a source under test is to give. */
export interface SourceRecord<T> {
  readonly value: T
  /** Only where the options say `keys`. */
  readonly key: string | null
  /** Only where the options say `headers`. */
  readonly headers: readonly HeaderPair[]
  /** 0 up to, not including, `partitions`. The source may name its partitions as it likes. */
  readonly partition: number
}

/** A place from which the source reads, with some records in it. */
export interface SourceWorld<T> extends World {
  /** Makes the source anew, as a process that is started again would. */
  readonly source: () => Source<T>
  /** Puts more records there. Needed where the options say `endless`. */
  readonly add?: (records: readonly SourceRecord<T>[]) => Promise<void>
}

/** Options of the behaviours of a source. */
export interface SourceBehaviourOptions<T> {
  /** Lays these records out where a source can read them, in their order. Called once a behaviour; it must start from nothing. */
  readonly prepare: (records: readonly SourceRecord<T>[]) => Promise<SourceWorld<T>>
  /** The value of the n-th record, as it is to be read; all must differ. */
  readonly value: (n: number) => T
  /** Into how many partitions `prepare` can lay records. Default 1. */
  readonly partitions?: number
  /** Whether records keep their keys. Default false. */
  readonly keys?: boolean
  /** Whether records keep their headers. Default false. */
  readonly headers?: boolean
  /** Whether it waits for more at the end, instead of being exhausted there. Default false. */
  readonly endless?: boolean
  /** Whether a source made anew goes on behind what was committed. Default true. */
  readonly remembers?: boolean
  /** How long one read may take, in ms of real time. Default 10,000. */
  readonly timeoutMs?: number
}

/** What a source asks of its run, as the suite sees it. */
export class TestSourceContext implements SourceContext {
  readonly log = silentLog
  readonly pipeline = 'behaviours'
  readonly maxRecordBytes = 8 * 1024 * 1024
  readonly assignedPartitions: string[] = []

  /**
   * @param source - The name under which it runs.
   * @param ledgerAt - The first hole of each partition, where the sink is to keep a ledger; null where it keeps none.
   */
  constructor(
    readonly source: string,
    private readonly ledgerAt: ReadonlyMap<string, number> | null,
  ) {}

  get ledger(): boolean {
    return this.ledgerAt !== null
  }

  async assigned(partition: string): Promise<{ readonly from?: number }> {
    this.assignedPartitions.push(partition)
    const from = this.ledgerAt?.get(partition)
    return from === undefined ? {} : { from }
  }

  advanced(): void {}
  async draining(): Promise<void> {}
  revoked(): void {}
}

/** A record as read, its partition spelled out. */
export type Read<T> = Incoming<T> & { readonly partition: string }

/** An open source of either kind, and what the suite does with it. */
export class OpenSource<T> {
  private constructor(
    readonly context: TestSourceContext,
    readonly session: SourceSession<T, Prefix> | SourceSession<T, Settlement>,
    private readonly commits: 'prefix' | 'single',
    private readonly timeoutMs: number,
  ) {}

  static async open<T>(source: Source<T>, timeoutMs: number, ledgerAt: ReadonlyMap<string, number> | null = null): Promise<OpenSource<T>> {
    const context = new TestSourceContext(source.name, ledgerAt)
    return new OpenSource(context, await source.open(context), source.commits, timeoutMs)
  }

  /** One read. */
  async read(records = 1_000, signal: AbortSignal = AbortSignal.timeout(this.timeoutMs)): Promise<readonly Read<T>[] | null> {
    const batch = await this.session.read({ records, bytes: 1024 * 1024 }, signal)
    return batch === null ? null : batch.map(incoming => ({ ...incoming, partition: incoming.partition ?? '0' }))
  }

  /** Reads until there are `count` records, or until the source is exhausted. */
  async take(count: number, limit = 1_000): Promise<Read<T>[]> {
    const taken: Read<T>[] = []
    while (taken.length < count) {
      const batch = await this.read(Math.min(limit, count - taken.length))
      if (batch === null) break
      taken.push(...batch)
    }
    return taken
  }

  /** Commits these records, which for a prefix source must be all before the first that is left. */
  async commit(done: readonly Read<T>[]): Promise<void> {
    if (this.commits === 'single') {
      const settlements = done.map(({ partition, position }) => ({ partition, position, outcome: 'delivered' as const, failures: [] }))
      return (this.session as SourceSession<T, Settlement>).commit?.(settlements)
    }
    const next = new Map<string, number>()
    for (const incoming of done) next.set(incoming.partition, nextAfter(incoming))
    return (this.session as SourceSession<T, Prefix>).commit?.([...next].map(([partition, next]) => ({ partition, next })))
  }

  async close(): Promise<void> {
    await this.session.close?.()
  }
}

/** Where reading goes on after a record of a prefix source. */
export function nextAfter({ next, position }: Incoming<unknown>): number {
  return next ?? (position as number) + 1
}
