import type { Sink, SinkSession } from 'millrace'

/** The sink, with somebody who is told when it comes to a point. */
export function sinkReaching<S extends Sink<never>>(sink: S, reached: (point: 'before the write' | 'after the write') => void): S {
  return {
    ...sink,
    async open(context) {
      const session: SinkSession<never> = await sink.open(context)
      return {
        takeOver: session.takeOver?.bind(session),
        check: session.check?.bind(session),
        async write(batch, signal) {
          reached('before the write')
          const held = await session.write(batch, signal)
          reached('after the write')
          return held
        },
        flush: session.flush?.bind(session),
        close: session.close?.bind(session),
      } as SinkSession<never>
    },
  }
}
