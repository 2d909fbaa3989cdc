import { type Clock, systemClock } from '../core/clock.js'
import type { Envelope } from '../core/envelope.js'
import { option, resolveOptions } from '../core/options.js'
import type { Origin } from '../core/position.js'
import type { Batch, BatchLimits, Sink, SinkContext, SinkSession } from '../core/sink.js'
import { MemoryStore } from '../stores/memory-store.js'
import { quarantineEntry } from '../stores/quarantine-entry.js'

/** Options of {@link memorySink}. */
export interface MemorySinkOptions<T> {
  /** Default `'memory'`. Sinks of one store and one name share their rows. */
  readonly name?: string
  /** Rows and covered positions are committed together, so each record's rows are there exactly once. Default false. */
  readonly ledger?: boolean
  /** Where rows and ledger are kept; share one among the runs that follow one another, and with a memoryQuarantine. Default: one of its own. */
  readonly store?: MemoryStore
  /** Bounds of one batch. Default: those of {@link BatchLimits}. */
  readonly batch?: Partial<BatchLimits>
  /** Default 1. */
  readonly maxConcurrentWrites?: number
  /** A row replaces an earlier one of the same origin. Default false. */
  readonly overwrites?: boolean
  /** Records of one lane are written in order, one batch at a time. Default: no lanes. */
  readonly lane?: (record: Envelope<T>) => string
  /** Says when a failure was quarantined. Default: the machine's clock. */
  readonly clock?: Clock
}

/** A sink that keeps its rows in memory. */
export interface MemorySink<in out T> extends Sink<T> {
  /** What was written, in that order. The same array throughout. */
  readonly rows: readonly T[]
  /** Where each row came from, by the same index. */
  readonly origins: readonly Origin[]
  readonly store: MemoryStore
}

/**
 * Writes rows into memory: for tests, first steps and examples. With `ledger: true` it keeps a real ledger in its store, fenced like that of Postgres,
 * and failures of a memoryQuarantine of the same store are part of its transactions.
 *
 * @throws {MillraceError} `MILL_OPTION_INVALID` or `MILL_OPTION_UNKNOWN` for wrong options.
 */
export function memorySink<T = unknown>(options: MemorySinkOptions<T> = {}): MemorySink<T> {
  const resolved = resolveOptions<MemorySinkOptions<T>>('memorySink', options, {
    name: option.text({ default: 'memory' }),
    ledger: option.boolean({ default: false }),
    store: option.matching('a memoryStore()', value => value instanceof MemoryStore, { default: new MemoryStore() }),
    batch: option.object('an object of batch limits', { optional: true }),
    maxConcurrentWrites: option.wholeNumber(1, { default: 1 }),
    overwrites: option.boolean({ default: false }),
    lane: option.function({ optional: true }),
    clock: option.object('a Clock', { default: systemClock }),
  }) as MemorySinkOptions<T> &
    Required<Pick<MemorySinkOptions<T>, 'name' | 'store' | 'ledger' | 'maxConcurrentWrites' | 'overwrites' | 'clock'>>
  const { name, store, ledger, batch, maxConcurrentWrites, overwrites, lane, clock } = resolved
  const { rows, origins } = store.table(name)
  return {
    name,
    ...(batch !== undefined && { batch }),
    maxConcurrentWrites,
    ledger,
    overwrites,
    scope: store,
    ...(lane !== undefined && { lane }),
    open: async context => openSession(context, { name, store, ledger, overwrites, clock }),
    ...(ledger && {
      ledgerBooks: {
        list: async pipeline => store.ledger.list(pipeline),
        reset: async (pipeline, where) => store.ledger.reset(pipeline, where),
      },
    }),
    describe: () => [
      'in memory: its rows end with the process',
      ...(ledger ? ['guarantees: each record exactly once, as long as the process lives'] : []),
    ],
    rows: rows as readonly T[],
    origins,
    store,
  }
}

interface Kept {
  readonly name: string
  readonly store: MemoryStore
  readonly ledger: boolean
  readonly overwrites: boolean
  readonly clock: Clock
}

function openSession<T>({ pipeline }: SinkContext, { name, store, ledger, overwrites, clock }: Kept): SinkSession<T> {
  return {
    ...(ledger && { takeOver: async (source, partition, mark) => store.ledger.takeOver(pipeline, source, partition, mark) }),
    async write({ records, failures, covers }: Batch<T>) {
      store.commit({
        pipeline,
        table: name,
        rows: records,
        overwrites,
        entries: failures.map(failure => quarantineEntry(failure, { id: store.nextEntryId(), pipeline, at: clock.now() })),
        covers,
      })
    },
  }
}
