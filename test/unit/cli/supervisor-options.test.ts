import { expect, test } from 'vitest'
import { supervisorOptions } from '../../../src/cli/run/supervisor-options.js'

test('a run that is to drain gives up after three failures in a row, unless the config says otherwise', () => {
  expect(supervisorOptions({}, true)).toEqual({ restart: { maxInARow: 3 } })
  expect(supervisorOptions({ restart: { maxInARow: null, maxMs: 5 } }, true)).toEqual({ restart: { maxInARow: null, maxMs: 5 } })
  expect(supervisorOptions({ concurrently: 1 }, false)).toEqual({ restart: {}, concurrently: 1 })
})
