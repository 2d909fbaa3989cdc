import { expect, it } from 'vitest'
import { accountTotals } from '../../examples/topic/pipeline.js'
import { describeKafka, withKafka } from '../harness/kafka.js'

describeKafka('examples/topic', () => {
  const kafka = withKafka()

  it('sums the payments of each account, each counted once, and quarantines what is none', async () => {
    const topics = { payments: await kafka.createTopic(2), totals: await kafka.createTopic(2), failed: kafka.name('failed') }
    const payments = Array.from({ length: 300 }, (_, n) => ({
      key: `a${n % 3}`,
      value: JSON.stringify({ account: `a${n % 3}`, cents: n }),
    }))
    await kafka.produce(topics.payments, [...payments, { key: 'a0', value: '{"account":"a0","cents":"many"}' }])
    const groupId = kafka.name('group')
    const run = accountTotals({ brokers: kafka.brokers }, topics, groupId, 50).start()
    try {
      const committed = async () => (await kafka.committed(groupId, topics.payments)).reduce<number>((sum, next) => sum + (next ?? 0), 0)
      await expect.poll(committed, { timeout: 30_000 }).toBe(301)
    } finally {
      await run.stop()
    }
    const sums = new Map<string, readonly [payments: number, cents: number]>()
    for (const { key, value } of await kafka.read(topics.totals)) {
      const { account, payments, cents } = JSON.parse(`${value}`)
      expect(`${key}`).toBe(account)
      const [count, sum] = sums.get(account) ?? [0, 0]
      sums.set(account, [count + payments, sum + cents])
    }
    expect([...sums].sort()).toEqual([0, 1, 2].map(a => [`a${a}`, [100, 100 * a + (3 * 99 * 100) / 2]]))
    const [failed] = await kafka.read(topics.failed)
    expect(`${failed!.value}`).toBe('{"account":"a0","cents":"many"}')
  })
})
