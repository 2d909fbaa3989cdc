/** How long to wait before the next attempt. Immutable: `next()` gives the one after, so two retries never share state. */
export interface Backoff {
  /** Milliseconds before the next attempt, jitter included. */
  readonly delayMs: number
  next(): Backoff
}

/** Options of {@link exponentialBackoff}. */
export interface BackoffOptions {
  /** The first wait in ms before jitter. Default 100. */
  readonly initialMs?: number
  /** The longest wait in ms before jitter. Default 10,000. */
  readonly maxMs?: number
  /** What each wait is multiplied with. Default 2. */
  readonly factor?: number
  /** The part of a wait that is random, 0 to 1: at 0.5 a wait of 100 ms lies between 50 and 100. Default 0.5. */
  readonly jitter?: number
  /** Gives numbers from 0 to 1. Default Math.random; tests seed it. */
  readonly random?: () => number
}

/** Waits that grow by a factor up to a bound, each shortened by a random part so that many waiting clients do not come at once. */
export function exponentialBackoff(options: BackoffOptions = {}): Backoff {
  const { initialMs = 100, maxMs = 10_000, factor = 2, jitter = 0.5, random = Math.random } = options
  const at = (ms: number): Backoff => ({
    delayMs: Math.round(ms * (1 - jitter * random())),
    next: () => at(Math.min(ms * factor, maxMs)),
  })
  return at(Math.min(initialMs, maxMs))
}
