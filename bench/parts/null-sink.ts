import type { BatchLimits, Sink } from 'millrace'

/** A sink that writes nothing: what is left is the price of the engine. */
export function nullSink<T>(batch?: Partial<BatchLimits>): Sink<T> {
  return { name: 'nothing', ...(batch !== undefined && { batch }), open: async () => ({ write: async () => {} }) }
}
