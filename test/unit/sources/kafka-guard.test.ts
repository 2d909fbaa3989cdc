import { expect, test } from 'vitest'
import { silentLog } from '../../../src/core/log.js'
import type { SourceContext } from '../../../src/core/source.js'
import type { Admin, FetchedBatch } from '../../../src/drivers/kafka/driver.js'
import { PositionGuard } from '../../../src/sources/kafka-guard.js'
import { KafkaPartition } from '../../../src/sources/kafka-partition.js'

/** A guard whose questions to the cluster are answered when `answer` is called. */
function guarded() {
  const waiting: (() => void)[] = []
  const advanced: number[] = []
  const ranges = () =>
    new Promise<{ partition: number; low: number; high: number }[]>(resolve => {
      waiting.push(() => resolve([{ partition: 0, low: 0, high: 100 }]))
    })
  const guard = new PositionGuard({
    context: { log: silentLog } as SourceContext,
    start: { source: 'kafka', groupId: 'g', startAt: 'earliest', onRemoved: 'fail', log: silentLog },
    admin: async () => ({ ranges }) as unknown as Admin,
    advance: (_, next) => void advanced.push(next),
    fail: error => expect.unreachable(String(error)),
  })
  const partition = new KafkaPartition({ topic: 't', partition: 0 })
  partition.begin(4, 100, 0)
  const answer = async () => {
    for (let asked = true; asked; ) {
      await new Promise(resolve => setImmediate(resolve))
      asked = waiting.length > 0
      for (const give of waiting.splice(0)) give()
    }
  }
  return { guard, partition, advanced, answer }
}

test('a skip that comes while an earlier one is looked into is not forgotten: at the end of a partition nothing tells of it again', async () => {
  const { guard, partition, advanced, answer } = guarded()
  const skips = [guard.skip(partition, 8), guard.skip(partition, 9)]
  await answer()
  await Promise.all(skips)
  expect(partition.next).toBe(9)
  expect(advanced.at(-1)).toBe(9)
})

test('a batch behind a skip waits for it, and need not be fetched again', async () => {
  const { guard, partition, answer } = guarded()
  void guard.skip(partition, 9)
  const admitted = guard.admits(partition, { fetchedOffset: 9, endOffset: 100 } as FetchedBatch)
  await answer()
  expect(await admitted).toBe(true)
})
