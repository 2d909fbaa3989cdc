import type { Incoming, Prefix, SourceOf } from 'millrace'

/**
 * A source that costs almost nothing: it gives `count` records of one partition, each made when it is read.
 *
 * @param bytes - Of one record, where its value is neither bytes nor text.
 * @param keyOf - Gives each its key.
 */
export function generatedSource<T>(
  count: number,
  make: (index: number) => T,
  bytes?: number,
  keyOf?: (index: number) => Uint8Array,
): SourceOf<T, 'prefix', Prefix> {
  return {
    name: 'generated',
    commits: 'prefix',
    async open() {
      let at = 0
      return {
        async read({ records }) {
          const end = Math.min(at + records, count)
          const batch: Incoming<T>[] = []
          for (; keyOf !== undefined && at < end; at++) batch.push({ value: make(at), position: at, key: keyOf(at) })
          for (; at < end; at++)
            batch.push(bytes === undefined ? { value: make(at), position: at } : { value: make(at), position: at, bytes })
          return batch.length > 0 ? batch : null
        },
      }
    },
  }
}
