import { type Clock, systemClock } from '../core/clock.js'
import { option, resolveOptions } from '../core/options.js'
import type { Quarantine, QuarantineEntry } from '../core/quarantine.js'
import { MemoryStore } from './memory-store.js'
import { isWanted, quarantineEntry } from './quarantine-entry.js'

/** Options of {@link memoryQuarantine}. */
export interface MemoryQuarantineOptions {
  /** Default `'memory'`. */
  readonly name?: string
  /** Where the entries are kept. The store of a memory sink makes failures part of its transactions. Default: one of its own. */
  readonly store?: MemoryStore
  /** Says when an entry came. Default: the machine's clock. */
  readonly clock?: Clock
}

/** A quarantine in memory: for tests, and for looking at what fails before a place for it is chosen. It ends with the process. */
export interface MemoryQuarantine extends Quarantine {
  /** What it holds now, oldest first. */
  readonly entries: readonly QuarantineEntry[]
}

/**
 * Keeps failed records in memory. A record that fails again replaces its entry, under a new id.
 *
 * @throws {MillraceError} `MILL_OPTION_INVALID` or `MILL_OPTION_UNKNOWN` for wrong options.
 */
export function memoryQuarantine(options: MemoryQuarantineOptions = {}): MemoryQuarantine {
  const { name, store, clock } = resolveOptions<Required<MemoryQuarantineOptions>>('memoryQuarantine', options, {
    name: option.text({ default: 'memory' }),
    store: option.matching('a memoryStore()', value => value instanceof MemoryStore, { default: new MemoryStore() }),
    clock: option.object('a Clock', { default: systemClock }),
  })
  return {
    name,
    scope: store,
    get entries() {
      return [...store.entries.values()]
    },
    open: async ({ pipeline }) => ({
      async put(failures) {
        // All made before the first is kept: a failure that cannot be kept must not leave half of them behind.
        const entries = failures.map(failure => quarantineEntry(failure, { id: store.nextEntryId(), pipeline, at: clock.now() }))
        for (const entry of entries) store.keep(entry)
      },
    }),
    async *list(filter = {}) {
      for (const entry of [...store.entries.values()]) if (isWanted(entry, filter)) yield entry
    },
    async release(ids) {
      for (const id of ids) store.release(id)
    },
    count: async atMost => Math.min(store.entries.size, atMost),
    async restore(entries) {
      for (const entry of entries) store.keep({ ...entry, id: store.nextEntryId() })
    },
    describe: () => ['in memory: its entries end with the process'],
  }
}
