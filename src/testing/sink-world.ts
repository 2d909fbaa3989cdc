import assert from 'node:assert/strict'
import { inspect } from 'node:util'
import type { Envelope } from '../core/envelope.js'
import { silentLog } from '../core/log.js'
import type { Failure, Quarantine } from '../core/quarantine.js'
import type { Ranges } from '../core/ranges.js'
import type { Batch, Cover, Sink, SinkSession } from '../core/sink.js'
import { type Behaviour, type World, within } from './behaviour.js'
import { testRecords } from './records.js'

/** A place into which the sink writes. */
export interface SinkWorld<T> extends World {
  /** Makes the sink anew, as a process that is started again would. */
  readonly sink: () => Sink<T>
  /** What is durable there, in any order; looked up past the sink's own session. */
  readonly rows: () => Promise<readonly T[]>
  /** Takes the place away (a server that is stopped, a directory without rights) until the returned function is called. */
  readonly away?: () => Promise<() => Promise<void>>
  /** The quarantine that shares the sink's scope. */
  readonly quarantine?: () => Quarantine
}

/** Options of the behaviours of a sink. */
export interface SinkBehaviourOptions<T> {
  /** Called once a behaviour; it must start from nothing. */
  readonly prepare: () => Promise<SinkWorld<T>>
  /** The n-th row; all must differ, and `rows` must give them back alike. */
  readonly row: (n: number) => T
  /** A row that the sink must refuse for what it is. Default: there is none. */
  readonly bad?: (n: number) => T
  /** Whether `prepare` gives worlds with `away`. Default false. */
  readonly goesAway?: boolean
  /** Whether the sink keeps a ledger. Default false. */
  readonly ledger?: boolean
  /** Whether `prepare` gives worlds with a `quarantine` of the sink's scope. Default false. */
  readonly quarantine?: boolean
  /** How long one call may take, in ms of real time. Default 10,000. */
  readonly timeoutMs?: number
}

/** Adds a behaviour on a world of its own. */
export type OnSink<T> = (name: string, test: (world: SinkWorld<T>) => Promise<void>) => Behaviour

/** The source from which the suite's records come. */
export const SOURCE = 'source'
/** The partition from which they come, where nothing else is said. */
export const PARTITION = '0'

/** What one write is made of. */
export interface Written {
  /** Rows by their numbers. */
  readonly rows?: readonly number[]
  /** Numbers of rows that the sink must refuse. */
  readonly bad?: readonly number[]
  readonly failures?: readonly Failure[]
  /** Default: the numbers of rows and bad ones, as positions of the one partition. */
  readonly covers?: readonly Cover[]
}

/** An open sink, and what the suite does with it. */
export class OpenSink<T> {
  /** Of the one partition; 0 without a ledger. */
  epoch = 0n
  covered: Ranges = []

  private constructor(
    readonly sink: Sink<T>,
    readonly session: SinkSession<T>,
    private readonly options: SinkBehaviourOptions<T>,
    private readonly timeoutMs: number,
  ) {}

  /** Opens the sink, and takes the one partition over where it keeps a ledger. */
  static async open<T>(sink: Sink<T>, options: SinkBehaviourOptions<T>, quarantine: Quarantine | 'halt' = 'halt', pipeline = 'behaviours') {
    const { timeoutMs = 10_000 } = options
    const session = await within(timeoutMs, 'open', sink.open({ pipeline, log: silentLog, quarantine }))
    const open = new OpenSink(sink, session, options, timeoutMs)
    if (options.ledger) await open.takeOver()
    return open
  }

  async takeOver(partition = PARTITION, mark: string | null = null) {
    assert.ok(this.session.takeOver, 'the options say ledger, so the session needs takeOver')
    const taken = await within(this.timeoutMs, 'takeOver', this.session.takeOver(SOURCE, partition, mark))
    if (partition === PARTITION) {
      this.epoch = taken.epoch
      this.covered = taken.covered
    }
    return taken
  }

  batch({ rows = [], bad = [], failures = [], covers }: Written): Batch<T> {
    const numbers = [...rows, ...bad].sort((a, b) => a - b)
    const values = numbers.map(n => (bad.includes(n) ? this.options.bad!(n) : this.options.row(n)))
    const { records } = testRecords(values, {
      source: SOURCE,
      partition: PARTITION,
      position: (_, i) => numbers[i]!,
      key: (_, i) => `${numbers[i]}`,
    })
    return { records, failures, covers: covers ?? (this.options.ledger ? [coverOf(this.epoch, numbers)] : []) }
  }

  write(written: Written, signal: AbortSignal = new AbortController().signal): Promise<void> {
    return this.writeBatch(this.batch(written), signal)
  }

  async writeBatch(batch: Batch<T>, signal: AbortSignal = new AbortController().signal): Promise<void> {
    const held = await within(this.timeoutMs, 'write', this.session.write(batch, signal))
    if (held) {
      // A sink that holds: durable is what settled.
      await this.session.flush?.()
      assert.equal(await within(this.timeoutMs, 'what is held', held.settled), 'delivered')
    }
  }

  /** The records that `check` refuses, as the run would ask it: before they join a batch. */
  checked(records: readonly Envelope<T>[]): { readonly good: Envelope<T>[]; readonly refused: Map<Envelope<T>, unknown> } {
    const refused = new Map<Envelope<T>, unknown>()
    for (const record of records) {
      const error = this.session.check?.(record)
      if (error !== undefined) refused.set(record, error)
    }
    return { good: records.filter(record => !refused.has(record)), refused }
  }

  async close(): Promise<void> {
    await within(this.timeoutMs, 'close', this.session.close?.() ?? Promise.resolve())
  }
}

/** Opens a sink made anew, and closes it after use. */
export async function withSink<T, R>(
  world: SinkWorld<T>,
  options: SinkBehaviourOptions<T>,
  use: (open: OpenSink<T>) => Promise<R>,
  pipeline?: string,
): Promise<R> {
  const open = await OpenSink.open(world.sink(), options, world.quarantine?.() ?? 'halt', pipeline)
  try {
    return await use(open)
  } finally {
    await open.close()
  }
}

/** Covers these positions of a partition. */
export function coverOf(epoch: bigint, numbers: readonly number[], partition = PARTITION, gaps: Ranges = []): Cover {
  return { source: SOURCE, partition, epoch, positions: rangesOf(numbers), gaps }
}

/** Whole numbers as ranges. */
function rangesOf(numbers: readonly number[]): Ranges {
  const ranges: [number, number][] = []
  for (const n of [...numbers].sort((a, b) => a - b)) {
    const last = ranges.at(-1)
    if (last !== undefined && last[1] === n) last[1]++
    else ranges.push([n, n + 1])
  }
  return ranges
}

/** The place holds exactly the rows of these numbers, each as often as it is named. */
export async function assertRows<T>(world: SinkWorld<T>, options: SinkBehaviourOptions<T>, numbers: readonly number[]): Promise<void> {
  const rows = await world.rows()
  assert.deepEqual(rows.map(textOf).sort(), numbers.map(n => textOf(options.row(n))).sort())
}

/** A row as text, the same for the same content. */
export const textOf = (value: unknown): string => inspect(value, { depth: null, maxStringLength: null, maxArrayLength: null, sorted: true })

/** The numbers from `from` up to, not including, `to`. */
export const span = (from: number, to: number): number[] => Array.from({ length: to - from }, (_, i) => from + i)
