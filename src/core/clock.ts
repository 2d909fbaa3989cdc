/** Time as the engine sees it. `virtualClock()` of `millrace/testing` is another one. */
export interface Clock {
  /** Milliseconds since 1970. */
  now(): number
  /** Calls `fn` after `ms`; the returned function cancels it. Keeps the process alive until then. */
  after(ms: number, fn: () => void): () => void
}

/** The machine's own time. */
export const systemClock: Clock = {
  now: () => Date.now(),
  after(ms, fn) {
    // Above 2^31-1 ms Node fires at once, with a warning; a wait that long is as good as forever.
    const timer = setTimeout(fn, Math.min(ms, 2 ** 31 - 1))
    return () => clearTimeout(timer)
  },
}

/** Resolves after `ms`, or rejects with the signal's reason as soon as it is aborted. Leaves neither timer nor listener behind. */
export function delay(clock: Clock, ms: number, signal?: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    if (signal?.aborted) return reject(signal.reason)
    const onAbort = () => {
      cancel()
      reject(signal!.reason)
    }
    const cancel = clock.after(ms, () => {
      signal?.removeEventListener('abort', onAbort)
      resolve()
    })
    signal?.addEventListener('abort', onAbort, { once: true })
  })
}
