import type { Clock } from '../../src/core/clock.js'
import { delay } from '../../src/core/clock.js'
import { seededRandom } from './random.js'

/** Chance, the same for the same seed as long as it is asked in the same order. */
export class Dice {
  private readonly random: () => number

  constructor(
    readonly seed: number,
    private readonly clock: Clock,
  ) {
    this.random = seededRandom(seed)
  }

  /** True with this probability. */
  falls(probability: number): boolean {
    return this.random() < probability
  }

  /** A whole number from `min` up to and with `max`. */
  number(min: number, max: number): number {
    return min + Math.floor(this.random() * (max - min + 1))
  }

  one<T>(of: readonly T[]): T {
    return of[this.number(0, of.length - 1)]!
  }

  /** Takes up to so many ms of the clock's time; sometimes none at all, not even a microtask's. */
  pause(maxMs: number, signal?: AbortSignal): Promise<void> | undefined {
    return this.falls(0.3) ? undefined : delay(this.clock, this.number(0, maxMs), signal)
  }
}

/** What a server that is away makes of a call. */
export function away(what: string): Error {
  return Object.assign(new Error(`${what}: the server is away (made by the test)`), { retryable: true })
}
