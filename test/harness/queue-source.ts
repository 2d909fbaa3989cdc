import type { Incoming, Settlement, SourceOf } from '../../src/core/source.js'

/** A queue whose messages stay until they are settled one by one, as Redis lists or an outbox do. It outlives the runs that read it. */
export class Queue<T> {
  /** What nobody has settled. */
  readonly messages = new Map<string, T>()
  readonly outcomes = new Map<string, Settlement['outcome']>()

  constructor(values: readonly T[]) {
    for (const [i, value] of values.entries()) this.messages.set(`id-${i}`, value)
  }
}

/**
 * A 'single' source over a queue. Each session gives everything that is unsettled once, and once more what `again` picks, as a queue does that
 * loses patience with a consumer.
 */
export function queueSource<T>(
  name: string,
  queue: Queue<T>,
  options: { readonly key: (value: T) => string | null; readonly again: () => boolean },
): SourceOf<T, 'single', Settlement> {
  return {
    name,
    commits: 'single',
    async open() {
      const ids = [...queue.messages.keys()]
      return {
        async read({ records }) {
          const batch: Incoming<T>[] = []
          while (batch.length < records && ids.length > 0) {
            const position = ids.shift()!
            const value = queue.messages.get(position)
            if (value === undefined) continue
            batch.push({ position, value, key: options.key(value), bytes: 10 })
            if (options.again()) ids.push(position)
          }
          return batch.length > 0 ? batch : null
        },
        async commit(done) {
          for (const { position, outcome } of done) {
            queue.messages.delete(position as string)
            queue.outcomes.set(position as string, outcome)
          }
        },
      }
    },
  }
}
