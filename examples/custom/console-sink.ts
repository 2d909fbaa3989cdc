import type { Sink } from 'millrace'

/** A sink of its own: the smallest that is complete. What `print` has taken counts as durable. */
export const consoleSink = (print: (line: string) => void = console.log): Sink<string> => ({
  name: 'console',
  batch: { maxRecords: 100 },
  async open() {
    return {
      async write({ records }) {
        for (const { value } of records) print(value)
      },
    }
  },
})
