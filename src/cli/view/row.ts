import type { ActorSnapshot } from '../../runtime/supervisor-actor.js'
import type { SharedSnapshot } from '../run/merge-snapshots.js'

/** One pipeline at one moment, as it is shown. */
export interface Row {
  readonly name: string
  /** As of the supervisor, with what a waiting one waits for: `waiting (restart)`. */
  readonly state: string
  readonly delivered: number
  readonly quarantined: number
  /** Records settled a second, of the last few seconds; null while that is not known. */
  readonly rate: number | null
  readonly inFlight: number
  /** What the sources have still to read, in their positions; null where they do not tell. */
  readonly lag: number | null
  readonly oldestUnsettledMs: number
  /** How much of what there was at first is done, 0 to 1; null where that cannot be said. */
  readonly part: number | null
  readonly secondsLeft: number | null
}

/** Makes rows of snapshots, and remembers what rates and shares are made of. */
export class Rows {
  private readonly courses = new Map<string, Course>()

  /** @param now - Milliseconds, from any moment on. */
  constructor(private readonly now: () => number) {}

  of(snapshots: readonly ActorSnapshot[]): Row[] {
    return snapshots.map(snapshot => {
      const course = this.courses.get(snapshot.name) ?? new Course()
      this.courses.set(snapshot.name, course)
      return course.row(snapshot, this.now())
    })
  }
}

/** With what a waiting one waits for, and how many workers are at it. */
function stateOf(actor: Pick<SharedSnapshot, 'state' | 'waitingFor'> & Partial<Pick<SharedSnapshot, 'workers'>>): string {
  const { state, waitingFor, workers } = actor
  if (state === 'running' && workers !== undefined) return `${state} ${workers.running}/${workers.of}`
  return waitingFor === null || waitingFor === 'infrastructure' ? state : `${state} (${waitingFor})`
}

const RATE_MS = 5_000

/** What was seen of one pipeline. */
class Course {
  private readonly seen: { readonly at: number; readonly settled: number }[] = []
  private whole = 0

  row({ name, state, waitingFor, totals, run, ...shared }: ActorSnapshot | SharedSnapshot, now: number): Row {
    const { delivered, skipped, quarantined } = totals
    // Opening a database takes its time, which tells nothing of the rate.
    if (run !== null && state !== 'starting') this.see(now, delivered + skipped + quarantined)
    const lag = run === null || run.lag.size === 0 ? null : [...run.lag.values()].reduce((sum, of) => sum + of, 0)
    const isOver = state === 'stopped' || state === 'failed'
    const part = this.part(lag, isOver)
    const rate = isOver ? null : this.rate()
    return {
      name,
      state: stateOf({ state, waitingFor, ...shared }),
      delivered,
      quarantined,
      rate,
      inFlight: run?.inFlight ?? 0,
      lag,
      oldestUnsettledMs: run?.oldestUnsettledMs ?? 0,
      part,
      secondsLeft: this.secondsLeft(part, now),
    }
  }

  private see(at: number, settled: number): void {
    this.seen.push({ at, settled })
    while (this.seen.length > 2 && this.seen[1]!.at < at - RATE_MS) this.seen.splice(1, 1)
    // The first is kept beside them: time left is told from the whole course.
  }

  /** Of what was settled since it was first looked at: what was settled before has no time to be divided by. */
  private rate(): number | null {
    const from = this.seen.length > 2 ? this.seen[1]! : this.seen[0]
    const to = this.seen.at(-1)
    return from === undefined || to === undefined || to.at <= from.at ? null : ((to.settled - from.settled) / (to.at - from.at)) * 1_000
  }

  private part(lag: number | null, isOver: boolean): number | null {
    if (lag === null || isOver) return null
    this.whole = Math.max(this.whole, lag)
    return this.whole === 0 ? null : 1 - lag / this.whole
  }

  private secondsLeft(part: number | null, now: number): number | null {
    const first = this.seen[0]
    if (part === null || part < 0.02 || part >= 1 || first === undefined) return null
    const seconds = (now - first.at) / 1_000
    return (seconds / part) * (1 - part)
  }
}
