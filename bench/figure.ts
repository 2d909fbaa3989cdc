/** What `ours` and `limit` are numbers of. */
export type Unit = 'records/s' | 'ns a record' | 'ms' | 'MB' | '%'

/** A number for a side that measures one thing, else numbers by name: a comparison then says `side.name`. */
export type Measured = number | Readonly<Record<string, number>>

/** One of the things compared. It lives in a process of its own, so that no side pays for what another taught the compiler or left in the heap. */
export interface Side {
  /** Measures once, in warm state, in the figure's unit. */
  run(): Promise<Measured> | Measured
  close?(): Promise<void> | void
}

/** What each part of a figure is told. */
export interface Options {
  /** A small volume and one run: shows that the figure works, and says nothing of its goal. */
  readonly quick: boolean
}

/** A topic and where it is. */
export interface Topic {
  readonly brokers: readonly string[]
  readonly topic: string
}

/** What a figure may use while it prepares. */
export interface Resources extends Options {
  /** The address of an empty database of a real Postgres; the server is shared by the figures of one run, and stopped at its end. */
  postgres(): Promise<string>
  /** A new topic of a real Kafka, deleted after the figure; the broker is shared by the figures of one run, and stopped at its end. */
  topic(partitions: number, config?: Readonly<Record<string, string>>): Promise<Topic>
  /** A new directory, removed after the figure. */
  directory(): Promise<string>
}

/** When a comparison holds. */
export interface Goal {
  /** In words: `≥ 0.7`. */
  readonly text: string
  holds(medians: { readonly ours: number; readonly limit: number; readonly ratio: number }): boolean
}

/** One of ours against one limit. */
export interface Comparison {
  /** What is compared, where it is not the figure's own `what`. */
  readonly what?: string
  /** The name of a side. */
  readonly ours: string
  /** The name of a side, or a fixed bound. */
  readonly limit: string | number
  readonly goal: Goal
}

/** One figure. Its id is the name of its file. */
export interface Figure<Setting = unknown> {
  /** What is measured, against which limit: one line. */
  readonly what: string
  readonly unit: Unit
  /** In the order in which they run, one after the other, round by round. `Setting` is what `prepare` gave, as JSON. */
  readonly sides: Readonly<Record<string, (setting: Setting, options: Options) => Promise<Side> | Side>>
  /** The first is the figure's own; it holds when all of them do. */
  readonly comparisons: readonly [Comparison, ...Comparison[]]
  /** What all sides need: files, tables. Its result is given to each side. */
  readonly prepare?: (resources: Resources) => Promise<Setting> | Setting
  /** Rounds that count. Default 5, and 1 when quick. */
  readonly runs?: number
  /** Rounds before them that do not. Default 1. */
  readonly warmUps?: number
  /** Each run in a new process: for what a process can show only once, as its largest memory. */
  readonly fresh?: boolean
}

/** Types a figure's file. */
export function figure<Setting>(definition: Figure<Setting>): Figure<Setting> {
  return definition
}

/** Ours over limit is at least `ratio`: for rates. */
export const atLeast = (ratio: number): Goal => ({ text: `≥ ${ratio}`, holds: measured => measured.ratio >= ratio })

/** Ours over limit is at most `ratio`: for times. */
export const atMost = (ratio: number): Goal => ({ text: `≤ ${ratio}`, holds: measured => measured.ratio <= ratio })

/** Ours is below the limit. */
export const below = (unit: Unit): Goal => ({ text: `< limit (${unit})`, holds: ({ ours, limit }) => ours < limit })

/** Ours is at most `difference` above the limit. */
export const within = (difference: number, unit: Unit): Goal => ({
  text: `≤ limit + ${difference} ${unit}`,
  holds: ({ ours, limit }) => ours - limit <= difference,
})

/** Measured so that it is known; nothing is promised. */
export const noGoal: Goal = { text: 'none', holds: () => true }

/**
 * Calls `work` and gives the processor time that one of its `records` took, in ns: of all threads, so collecting garbage counts.
 *
 * For what only computes. There it is the time it takes on a machine that does nothing else, and what else runs here does not change it.
 */
export async function nanosecondsEach(records: number, work: () => Promise<unknown> | unknown): Promise<number> {
  const before = process.cpuUsage()
  await work()
  const { user, system } = process.cpuUsage(before)
  return ((user + system) * 1_000) / records
}

/** Calls `work` and gives how many of its `records` it did in a second of processor time; see {@link nanosecondsEach}. */
export async function perProcessorSecond(records: number, work: () => Promise<unknown> | unknown): Promise<number> {
  return 1e9 / (await nanosecondsEach(records, work))
}

/** Calls `work` and gives how many of its `records` it did a second. For what waits for others: servers, disks. */
export async function perSecond(records: number, work: () => Promise<unknown> | unknown): Promise<number> {
  return records / ((await milliseconds(work)) / 1_000)
}

/** Calls `work` and gives how long it took. */
export async function milliseconds(work: () => Promise<unknown> | unknown): Promise<number> {
  const begun = performance.now()
  await work()
  return performance.now() - begun
}
