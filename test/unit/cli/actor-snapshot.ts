import type { ActorSnapshot } from '../../../src/runtime/supervisor-actor.js'

/** A pipeline of a supervisor as a test wants it seen. */
export function actor({
  name = 'job',
  state = 'running',
  waitingFor = null,
  delivered = 0,
  quarantined = 0,
  reasons = {},
  skips = {},
  inFlight = 0,
  oldestUnsettledMs = 0,
  lag,
}: Partial<Pick<ActorSnapshot, 'name' | 'state' | 'waitingFor'>> & {
  readonly delivered?: number
  readonly quarantined?: number
  /** Of what was quarantined. */
  readonly reasons?: Readonly<Record<string, number>>
  /** Of what was skipped. */
  readonly skips?: Readonly<Record<string, number>>
  readonly inFlight?: number
  readonly oldestUnsettledMs?: number
  readonly lag?: number
}): ActorSnapshot {
  const skipped = Object.values(skips).reduce((sum, count) => sum + count, 0)
  const totals = { delivered, skipped, quarantined, reasons: { ...skips, ...reasons }, quarantinedBy: reasons }
  return {
    name,
    state,
    since: 0,
    waitingFor,
    restarts: 0,
    restartAt: null,
    error: null,
    errorClass: null,
    totals,
    run: {
      ...totals,
      seconds: 1,
      state: 'running',
      inFlight,
      inFlightBytes: 0,
      heldRecords: 0,
      oldestUnsettledMs,
      lag: new Map(lag === undefined ? [] : [['source 0', lag]]),
    },
  }
}
