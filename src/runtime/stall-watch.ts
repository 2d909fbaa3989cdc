import type { Clock } from '../core/clock.js'

/** What the watch asks of the engine. */
export interface StallWatchHost {
  /** A number that changes with everything that moves. */
  progress(): number
  /** The window is full, and neither the writer nor a handler nor quarantine holds any of it. */
  isStuck(): boolean
  /** Asks whoever collects records to give what it holds. */
  flush(): void
  fail(ms: number): void
}

/**
 * Tells a stall: the window is full and nobody works. Collectors are asked to give what they hold, each time the stall is new;
 * when that changed nothing for `stallMs`, the steps have forgotten records.
 */
export class StallWatch {
  private cancelTimer: (() => void) | null = null
  private flushedAt = -1
  private isFlushing = false

  constructor(
    private readonly clock: Clock,
    private readonly stallMs: number,
    private readonly host: StallWatchHost,
  ) {}

  check(): void {
    if (this.isFlushing) return
    if (!this.host.isStuck()) return this.stop()
    if (this.flushedAt === this.host.progress()) return
    this.stop()
    this.isFlushing = true
    this.flushedAt = this.host.progress()
    this.host.flush()
    this.isFlushing = false
    if (!this.host.isStuck()) return
    const before = this.host.progress()
    this.flushedAt = before
    this.cancelTimer = this.clock.after(this.stallMs, () => {
      this.cancelTimer = null
      if (this.host.isStuck() && this.host.progress() === before) this.host.fail(this.stallMs)
      else this.check()
    })
  }

  stop(): void {
    this.cancelTimer?.()
    this.cancelTimer = null
  }
}
