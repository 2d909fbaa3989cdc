import { expect, test } from 'vitest'
import { Tally } from '../../../src/runtime/tally.js'

test('reasons that never end are counted together after the first thousand', () => {
  const tally = new Tally()
  for (let i = 0; i < 5_000; i++) tally.skip(`older than ${i}`)
  tally.skip('older than 7')
  tally.quarantine('MILL_LATE', 3)
  const { skipped, quarantined, reasons } = tally.summary(1)
  expect([skipped, quarantined, Object.keys(reasons).length]).toEqual([5_001, 3, 1_001])
  expect(reasons).toMatchObject({ 'older than 7': 2, 'other reasons': 4_003 })
})
