import type { Prefix, Source, SourceOf, SourceSession } from 'millrace'
import { sessionReaching } from '../session-reaching.js'
import type { Point } from './task.js'

type Reached = (point: Point) => void

/** The source, with somebody who is told when it comes to a point, and of each partition that it gets. */
export function sourceReaching<T>(given: Source<T>, reached: Reached, owns: (partition: string) => void): SourceOf<T, 'prefix', Prefix> {
  const source = given as SourceOf<T, 'prefix', Prefix>
  return {
    ...source,
    async open(context) {
      const session: SourceSession<T, Prefix> = await source.open({
        ...context,
        assigned(partition, identity) {
          owns(partition)
          reached('assigned')
          return context.assigned(partition, identity)
        },
        draining(partitions, signal) {
          reached('draining')
          return context.draining(partitions, signal)
        },
        revoked(partitions) {
          reached('revoked')
          context.revoked(partitions)
        },
      })
      return sessionReaching(session, reached)
    },
  }
}
