import { memorySink, memorySource, virtualClock } from 'millrace/testing'
import { expect, test } from 'vitest'
import { handle } from '../../../src/operators/handle.js'
import { split } from '../../../src/operators/split.js'
import { definePipeline } from '../../../src/runtime/pipeline.js'

test('records that are split over time get room though the window is full of those that wait behind them', async () => {
  const clock = virtualClock()
  const sink = memorySink<string>({ batch: { maxRecords: 4 } })
  let most = 0
  const run = definePipeline({
    name: 'expanding',
    source: memorySource(['a', 'b', 'c', 'd', 'e', 'f', 'g', 'h', 'i', 'j']),
    steps: records =>
      records.pipe(
        split(async function* (value) {
          for (let i = 0; i < 7; i++) {
            most = Math.max(most, run.snapshot().inFlight)
            yield `${value}${i}`
          }
        }),
        split(async function* (value) {
          yield `${value}x`
          yield `${value}y`
        }),
        handle(async value => value, { concurrency: 2 }),
      ),
    sink,
    onFailure: 'halt',
    limits: { maxInFlight: 8 },
  }).start({ clock })
  await clock.until(run.finished)
  expect(sink.rows).toEqual([...'abcdefghij'].flatMap(value => [0, 1, 2, 3, 4, 5, 6].flatMap(i => [`${value}${i}x`, `${value}${i}y`])))
  // A grant lets one batch through beyond the window, and no more.
  expect(most).toBeLessThanOrEqual(8 + 2 * 4)
})

test('what waits for room when the run is aborted is ended, so that it can let go of what it holds', async () => {
  const clock = virtualClock()
  let isReleased = false
  const run = definePipeline({
    name: 'expanding',
    source: memorySource(['a']),
    steps: records =>
      records.pipe(
        split(async function* (value) {
          try {
            for (let i = 0; i < 100; i++) yield `${value}${i}`
          } finally {
            isReleased = true
          }
        }),
        handle(() => new Promise<string>(() => {})),
      ),
    sink: memorySink<string>({ batch: { maxRecords: 4 } }),
    onFailure: 'halt',
    limits: { maxInFlight: 8 },
  }).start({ clock })
  await clock.advance(1_000)
  expect([run.snapshot().inFlight, isReleased]).toEqual([8, false])
  await clock.until(run.abort())
  await clock.advance(0)
  expect(isReleased).toBe(true)
})
