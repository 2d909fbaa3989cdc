import type { Prefix, SourceSession } from 'millrace'

type SourcePoint = 'read' | 'before the commit to the source' | 'after the commit to the source'

/** The session of a source, with somebody who is told when it comes to a point. */
export function sessionReaching<T>(session: SourceSession<T, Prefix>, reached: (point: SourcePoint) => void): SourceSession<T, Prefix> {
  return {
    async read(limit, signal) {
      const records = await session.read(limit, signal)
      reached('read')
      return records
    },
    async commit(done) {
      reached('before the commit to the source')
      await session.commit?.(done)
      reached('after the commit to the source')
    },
    // A run whose session has no say in it ends when its partition is taken over.
    ...(session.fenced && { fenced: partition => session.fenced!(partition) }),
    lag: () => session.lag?.() ?? new Map(),
    close: async () => session.close?.(),
  }
}
