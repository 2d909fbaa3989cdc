import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { showProgress } from '../../../src/cli/progress.js'
import { summaryLines } from '../../../src/cli/summary.js'
import type { PipelineRun, RunSnapshot } from '../../../src/runtime/run.js'
import type { RunState } from '../../../src/runtime/run-state.js'

const nothing = { delivered: 0, skipped: 0, quarantined: 0, reasons: {}, seconds: 0 }

/** A run whose snapshot the test sets, and what is shown of it in lines. */
function shownRun() {
  const lines: string[] = []
  const out = { isTTY: false, write: (text: string) => lines.push(text.trimEnd()) } as unknown as NodeJS.WriteStream
  let at: RunSnapshot
  const set = (state: RunState, delivered: number, left: number) => {
    at = { ...nothing, state, delivered, inFlight: 0, inFlightBytes: 0, heldRecords: 0, oldestUnsettledMs: 0, lag: new Map([['a', left]]) }
  }
  set('starting', 0, 0)
  const hide = showProgress('job', { snapshot: () => at } as PipelineRun, out)
  return { lines, set, hide }
}

beforeEach(() => {
  vi.useFakeTimers({ toFake: ['setInterval', 'clearInterval', 'performance'] })
})
afterEach(() => {
  vi.useRealTimers()
})

test('the rate is of what was settled since it was first looked at, not of what was settled before', () => {
  const { lines, set, hide } = shownRun()
  set('running', 10_000, 90_000)
  vi.advanceTimersByTime(2_000)
  expect(lines.at(-1)).toContain('10,000 delivered')
  expect(lines.at(-1)).not.toContain('/s')
  set('running', 30_000, 45_000)
  vi.advanceTimersByTime(2_000)
  expect(lines.at(-1)).toMatch(/ 50 % {2}30,000 delivered {2}10,000\/s {2}2 s left$/)
  hide()
})

test('a run that was stopped does not say that all was delivered before', () => {
  expect(summaryLines('job', nothing)[0]).toBe('job: nothing new, all was delivered before')
  expect(summaryLines('job', nothing, { isStopped: true })[0]).toBe('job: stopped before its end')
})
