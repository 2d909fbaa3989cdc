import { expect, test } from 'vitest'
import { mergeFacts } from '../../../src/cli/run/merge-facts.js'
import { mergeSnapshots } from '../../../src/cli/run/merge-snapshots.js'
import type { RunSnapshot } from '../../../src/runtime/run.js'
import type { ActorSnapshot } from '../../../src/runtime/supervisor-actor.js'
import { noTotals } from '../../../src/runtime/supervisor-totals.js'

const run = (more: Partial<RunSnapshot>): RunSnapshot => ({
  delivered: 0,
  skipped: 0,
  quarantined: 0,
  reasons: {},
  seconds: 1,
  state: 'running',
  inFlight: 1,
  inFlightBytes: 10,
  heldRecords: 0,
  oldestUnsettledMs: 5,
  lag: new Map(),
  ...more,
})

const actor = (more: Partial<ActorSnapshot>): ActorSnapshot => ({
  name: 'p',
  state: 'running',
  since: 0,
  waitingFor: null,
  restarts: 0,
  restartAt: null,
  run: null,
  error: null,
  errorClass: null,
  totals: noTotals,
  ...more,
})

test('a pipeline in several processes is the sum of them, and its worst wait', () => {
  const merged = mergeSnapshots([
    actor({ run: run({ delivered: 2, holes: 1, maxInFlight: 100, lag: new Map([['s 0', 5]]) }), restarts: 1 }),
    actor({ run: run({ delivered: 3, holes: 2, maxInFlight: 100, oldestUnsettledMs: 9, lag: new Map([['s 1', 7]]) }) }),
    actor({ state: 'starting' }),
  ])
  expect(merged).toMatchObject({ state: 'running', restarts: 1, workers: { running: 2, of: 3 } })
  expect(merged.run).toMatchObject({ delivered: 5, holes: 3, maxInFlight: 200, inFlight: 2, inFlightBytes: 20, oldestUnsettledMs: 9 })
  expect(merged.run!.lag).toEqual(new Map([['s 0', 5], ['s 1', 7]])) // biome-ignore format: a list
})

test('what their sources tell is put together, each member with its share', () => {
  const facts = [
    { kafka: { member: 'a', assignment: { orders: [2, 0] }, rebalances: 1, commits: 4, committedAt: 10 } },
    { kafka: { member: 'b', assignment: { orders: [1], returns: [0] }, rebalances: 1, commits: 3, committedAt: 30 }, files: {} },
    { kafka: {} },
  ]
  expect(mergeFacts(facts)).toEqual({
    kafka: { member: 'a, b', assignment: { orders: [0, 1, 2], returns: [0] }, rebalances: 2, commits: 7, committedAt: 30 },
    files: {},
  })
  expect(mergeFacts([])).toEqual({})
})

test('it has failed when all have ended and one has failed; until then it shows how the others are', () => {
  const failed = actor({ state: 'failed', error: { name: 'E', message: 'no' }, errorClass: 'config' })
  expect(mergeSnapshots([failed, actor({})])).toMatchObject({ state: 'running', errorClass: 'config' })
  expect(mergeSnapshots([actor({ state: 'stopped' }), failed])).toMatchObject({ state: 'failed', errorClass: 'config' })
  expect(mergeSnapshots([actor({ state: 'stopped' }), actor({ state: 'stopped' })])).toMatchObject({ state: 'stopped', error: null })
})
