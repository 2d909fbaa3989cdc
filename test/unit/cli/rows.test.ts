import { expect, test } from 'vitest'
import { summaryJson, summaryLines } from '../../../src/cli/run/summary.js'
import { lineOf } from '../../../src/cli/view/plain-lines.js'
import { Rows } from '../../../src/cli/view/row.js'
import { tableLines } from '../../../src/cli/view/table.js'
import { actor } from './actor-snapshot.js'

test('the rate is of what was settled since it was first looked at, not of what was settled before', () => {
  let now = 0
  const rows = new Rows(() => now)
  const at = (delivered: number, left: number) => rows.of([actor({ delivered, lag: left })])[0]!
  expect(at(10_000, 90_000)).toMatchObject({ delivered: 10_000, rate: null, part: 0 })
  now = 2_000
  expect(at(30_000, 45_000)).toMatchObject({ rate: 10_000, part: 0.5, secondsLeft: 2 })
})

test('the rate is of the last five seconds', () => {
  let now = 0
  const rows = new Rows(() => now)
  for (; now <= 20_000; now += 1_000) rows.of([actor({ delivered: Math.min(now, 10_000) })])
  expect(rows.of([actor({ delivered: 10_000 })])[0]!.rate).toBe(0)
})

test('opening takes its time, which is no part of the rate', () => {
  let now = 0
  const rows = new Rows(() => now)
  rows.of([actor({ state: 'starting' })])
  now = 60_000
  rows.of([actor({})])
  now = 61_000
  expect(rows.of([actor({ delivered: 500 })])[0]!.rate).toBe(500)
})

test('a row in plain words', () => {
  const [row] = new Rows(() => 0).of([actor({ delivered: 12_345, inFlight: 7, oldestUnsettledMs: 1_250, quarantined: 3, lag: 88 })])
  expect(lineOf(row!)).toBe('job: running  12,345 delivered  7 in flight  the oldest for 1.3 s  lag 88  3 quarantined  0 % done')
})

test('a table loses columns where it has no room, and then letters of names', () => {
  const all = new Rows(() => 0).of([
    actor({ name: 'signups', delivered: 1_000_000, lag: 12, inFlight: 40, oldestUnsettledMs: 61_000 }),
    actor({ name: 'a-pipeline-of-a-very-long-name', state: 'waiting', waitingFor: 'restart', quarantined: 2 }),
  ])
  const drawn = (columns: number, rows = 24) => tableLines(all, { columns, rows, isColoured: false })
  expect(drawn(140)).toMatchInlineSnapshot(`
    [
      "PIPELINE                        STATE              RATE  IN FLIGHT  LAG  QUARANTINED     OLDEST  DELIVERED",
      "signups                         running               –         40   12            0  1 min 1 s  1,000,000  ░░░░░░░░░░░░░░░░░░░░░░░░   0 %",
      "a-pipeline-of-a-very-long-name  waiting (restart)     –          0    –            2          –          0",
    ]
  `)
  expect(drawn(80)).toMatchInlineSnapshot(`
    [
      "PIPELINE                        STATE              RATE  LAG  QUARANTINED",
      "signups                         running               –   12            0",
      "  ░░░░░░░░░░░░░░░░░░░░░░░░   0 %",
      "a-pipeline-of-a-very-long-name  waiting (restart)     –    –            2",
    ]
  `)
  expect(drawn(30)).toMatchInlineSnapshot(`
    [
      "PIPELINE     STATE",
      "signups      running",
      "a-pipeline…  waiting (restart)",
    ]
  `)
  for (let columns = 1; columns < 160; columns++) {
    for (const line of drawn(columns)) expect(line.length).toBeLessThanOrEqual(columns)
  }
  expect(drawn(80, 2)).toEqual([expect.stringContaining('PIPELINE'), '… 2 more'])
})

test('a table is coloured only where it may be', () => {
  const all = new Rows(() => 0).of([actor({ state: 'failed' })])
  const options = { columns: 80, rows: 24 }
  expect(tableLines(all, { ...options, isColoured: true }).join('')).toContain('\u001b[31m')
  expect(tableLines(all, { ...options, isColoured: false }).join('')).not.toContain('\u001b')
})

test('a name cannot steer the terminal', () => {
  const all = new Rows(() => 0).of([actor({ name: 'a\u001b[2J\nb' })])
  expect(tableLines(all, { columns: 80, rows: 24, isColoured: false })[1]).toMatch(/^a\?\[2J\?b +running/)
})

test('a summary of nothing says why', () => {
  const nothing = actor({ state: 'stopped' })
  expect(summaryLines(nothing)[0]).toBe('job: nothing new, all was delivered before')
  expect(summaryLines(nothing, { isStopped: true })[0]).toBe('job: stopped before its end')
  expect(summaryLines(actor({ state: 'failed' }))[0]).toBe('job: failed')
})

test('a summary has each reason beneath what it explains, the most frequent first', () => {
  const ended = actor({ state: 'stopped', delivered: 9, skips: { 'a test': 3 }, quarantined: 6, reasons: { MILL_A: 1, MILL_B: 5 } })
  expect(summaryLines(ended).slice(2)).toEqual([
    '  skipped      3',
    '               3 × a test',
    '  quarantined  6',
    '               5 × MILL_B',
    '               1 × MILL_A',
  ])
})

test('the summary of several has their sums', () => {
  const a = actor({ name: 'a', state: 'stopped', delivered: 3, quarantined: 1, reasons: { MILL_VALUE_INVALID: 1 } })
  const b = actor({ name: 'b', state: 'stopped', delivered: 4, quarantined: 2, reasons: { MILL_VALUE_INVALID: 2 } })
  expect(summaryJson([a, b], 1.5)).toMatchObject({
    delivered: 7,
    skipped: 0,
    quarantined: 3,
    reasons: { MILL_VALUE_INVALID: 3 },
    seconds: 1.5,
    pipelines: [
      { name: 'a', state: 'stopped', delivered: 3 },
      { name: 'b', state: 'stopped', delivered: 4 },
    ],
  })
})
