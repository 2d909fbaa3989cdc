import type { Prefix, Settlement, SourceSession } from '../core/source.js'
import { type PersistOptions, persist } from './persist.js'
import { PrefixTracker, SingleTracker, type Tracker } from './tracker.js'

/**
 * Tells a source what is settled: one commit at a time, always of the latest state, so that a slow one is followed by one and not by many.
 */
export class Committer {
  private readonly dirty = new Set<Tracker>()
  /** What the commit under way tells. */
  private telling: readonly Tracker[] = []
  private isRunning = false
  /** In `dirty` since it was last emptied: mostly the one that is marked next. */
  private lastMarked: Tracker | null = null
  private running: Promise<void> | null = null

  constructor(
    private readonly session: Pick<SourceSession<unknown, unknown>, 'commit'>,
    private readonly options: PersistOptions,
    private readonly onFailure: (error: unknown) => void,
    /** One commit is done; others may follow at once. */
    private readonly onCommit: () => void,
    /** Nothing is left to commit. */
    private readonly onDone: () => void,
  ) {}

  /** The tracker has something to tell. Nothing is told before `kick`. */
  mark(tracker: Tracker): void {
    if (tracker === this.lastMarked) return
    this.lastMarked = tracker
    this.dirty.add(tracker)
  }

  get isIdle(): boolean {
    return !this.isRunning && this.dirty.size === 0
  }

  /** Whether the source knows all that is settled of this partition. */
  isTold(tracker: Tracker): boolean {
    return !this.dirty.has(tracker) && !this.telling.includes(tracker)
  }

  /** Commits what is marked, now or right after the commit that is under way. */
  kick(): void {
    if (this.dirty.size === 0 || this.isRunning || this.options.signal.aborted) return
    // Set before: a source may ask for another commit while it is being called.
    this.isRunning = true
    this.running = this.commitAll().then(() => {
      this.isRunning = false
      this.running = null
      this.onDone()
    })
  }

  /** Resolves when no commit is under way. */
  async ended(): Promise<void> {
    while (this.running !== null) await this.running
  }

  /** The last commit of a run that failed: what is settled is settled. One attempt. */
  async commitOnce(): Promise<void> {
    await this.ended()
    await this.commit().catch(() => {})
  }

  private async commitAll(): Promise<void> {
    while (this.dirty.size > 0 && !this.options.signal.aborted) {
      try {
        // Each attempt takes the state anew: an older prefix is never sent again.
        await persist(() => this.commit(), this.options)
      } catch (error) {
        if (!this.options.signal.aborted) this.onFailure(error)
        return
      }
      this.onCommit()
    }
  }

  private async commit(): Promise<void> {
    const trackers = [...this.dirty].filter(tracker => !tracker.isRevoked)
    this.dirty.clear()
    this.lastMarked = null
    const prefixes: { tracker: PrefixTracker; done: Prefix }[] = []
    const singles: { tracker: SingleTracker; done: Settlement[] }[] = []
    for (const tracker of trackers) {
      if (tracker instanceof PrefixTracker) {
        if (tracker.prefix > tracker.committed) prefixes.push({ tracker, done: { partition: tracker.partition, next: tracker.prefix } })
      } else if (tracker instanceof SingleTracker) singles.push({ tracker, done: tracker.takeDone() })
    }
    const done: (Prefix | Settlement)[] = [...prefixes.map(({ done }) => done), ...singles.flatMap(({ done }) => done)]
    if (done.length === 0) return
    this.telling = trackers
    try {
      await this.session.commit?.(done)
    } catch (error) {
      for (const tracker of trackers) this.dirty.add(tracker)
      for (const { tracker, done } of singles) tracker.putBack(done)
      throw error
    } finally {
      this.telling = []
    }
    for (const { tracker, done } of prefixes) tracker.committed = Math.max(tracker.committed, done.next)
  }
}
