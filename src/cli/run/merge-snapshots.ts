import type { RunSnapshot } from '../../runtime/run.js'
import type { ActorSnapshot, ActorState } from '../../runtime/supervisor-actor.js'
import { added, noTotals } from '../../runtime/supervisor-totals.js'
import { mergeFacts } from './merge-facts.js'

/** A pipeline that runs in several processes. */
export interface SharedSnapshot extends ActorSnapshot {
  /** How many of the workers run it at the moment. */
  readonly workers: { readonly running: number; readonly of: number }
}

/** The same pipeline in several processes as one: counts are sums, the state is the liveliest, the oldest record that of all. */
export function mergeSnapshots(all: readonly ActorSnapshot[]): SharedSnapshot {
  const [first] = all
  if (first === undefined) throw new Error('nothing to merge')
  const state = states.find(state => all.some(actor => actor.state === state)) ?? first.state
  const leading = all.find(actor => actor.state === state) ?? first
  // As long as some run, what befell one is in the log; at the end it is the outcome.
  const failed = all.find(({ error }) => error !== null)
  const runs = all.flatMap(({ run }) => (run === null ? [] : [run]))
  return {
    ...leading,
    restarts: all.reduce((sum, { restarts }) => sum + restarts, 0),
    error: failed?.error ?? null,
    errorClass: failed?.errorClass ?? null,
    run: runs.length === 0 ? null : mergeRuns(runs),
    totals: all.reduce((sum, { totals }) => added(sum, totals), noTotals),
    workers: { running: all.filter(({ state }) => state === 'running').length, of: all.length },
  }
}

/** The first that any of them is in. One that failed for good shows only when all others have ended: they go on without it. */
const states: readonly ActorState[] = ['running', 'waiting', 'starting', 'draining', 'failed', 'stopped']

function mergeRuns(runs: readonly RunSnapshot[]): RunSnapshot {
  const sum = (of: (run: RunSnapshot) => number) => runs.reduce((total, run) => total + of(run), 0)
  const max = (of: (run: RunSnapshot) => number) => Math.max(...runs.map(of))
  const counts = runs.reduce((totals, run) => added(totals, run), noTotals)
  const lag = new Map<string, number>()
  for (const run of runs) for (const [partition, left] of run.lag) lag.set(partition, Math.max(left, lag.get(partition) ?? 0))
  return {
    ...runs[0]!,
    ...counts,
    seconds: max(({ seconds }) => seconds),
    inFlight: sum(({ inFlight }) => inFlight),
    inFlightBytes: sum(({ inFlightBytes }) => inFlightBytes),
    maxInFlight: sum(({ maxInFlight = 0 }) => maxInFlight),
    holes: sum(({ holes = 0 }) => holes),
    heldRecords: sum(({ heldRecords }) => heldRecords),
    oldestUnsettledMs: max(({ oldestUnsettledMs }) => oldestUnsettledMs),
    lag,
    sources: mergeFacts(runs.map(({ sources = {} }) => sources)),
  }
}
