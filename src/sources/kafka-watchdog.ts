import type { Clock } from '../core/clock.js'

/** Tells when nothing was heard for too long, of one that should be heard: kafkajs is known to stop fetching without a word (its issues 1183, 1445). */
export class Watchdog {
  private seenAt: number
  private cancel: (() => void) | null = null

  /**
   * @param isDue - Whether a sign of life is to be expected at all; while it is not, the time does not count.
   * @param onSilent - Nothing was heard for `limitMs`.
   */
  constructor(
    private readonly clock: Clock,
    private readonly limitMs: number,
    private readonly isDue: () => boolean,
    private readonly onSilent: () => void,
  ) {
    this.seenAt = clock.now()
  }

  start(): void {
    this.seen()
    this.arm()
  }

  /** A sign of life. */
  seen(): void {
    this.seenAt = this.clock.now()
  }

  stop(): void {
    this.cancel?.()
    this.cancel = null
  }

  private arm(): void {
    this.stop()
    this.cancel = this.clock.after(Math.max(1, this.seenAt + this.limitMs - this.clock.now()), () => this.look())
  }

  private look(): void {
    if (!this.isDue()) this.seen()
    else if (this.clock.now() - this.seenAt >= this.limitMs) {
      this.seen()
      this.onSilent()
    }
    if (this.cancel !== null) this.arm()
  }
}
