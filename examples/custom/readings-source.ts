import type { Source } from 'millrace'

/** What a sensor says. */
export interface Reading {
  readonly sensor: string
  readonly celsius: number
}

/** A source of its own: the smallest that is complete. It remembers nothing, so it has no `commit`, and every run gives all readings. */
export const readingsSource = (readings: readonly Reading[]): Source<Reading> => ({
  name: 'readings',
  commits: 'prefix',
  async open() {
    let at = 0
    return {
      async read({ records }) {
        const batch = readings.slice(at, at + records).map((value, i) => ({ value, position: at + i, key: value.sensor, bytes: 16 }))
        at += batch.length
        return batch.length > 0 ? batch : null
      },
    }
  },
})
