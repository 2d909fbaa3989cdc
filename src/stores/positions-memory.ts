import type { Positions, StoredPosition } from '../core/positions.js'

/** Keeps positions as long as this object lives: for tests, and for runs of one process that go on where the one before stopped. */
export function memoryPositions(): Positions {
  const kept = new Map<string, StoredPosition>()
  const keyOf = (pipeline: string, source: string, partition: string) => JSON.stringify([pipeline, source, partition])
  return {
    name: 'memory positions',
    describe: () => ['in memory: they end with the process'],
    open: async ({ pipeline }) => ({
      read: async (source, partition) => kept.get(keyOf(pipeline, source, partition)),
      async write(entries) {
        for (const { source, partition, next, mark } of entries) kept.set(keyOf(pipeline, source, partition), { next, mark })
      },
    }),
  }
}
