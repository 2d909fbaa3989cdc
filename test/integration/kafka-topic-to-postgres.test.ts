import { postgres, table, topicToPostgres } from 'millrace'
import { expect, it } from 'vitest'
import { query, withDatabase } from '../harness/database.js'
import { describeKafka, withKafka } from '../harness/kafka.js'

describeKafka('topicToPostgres', () => {
  const kafka = withKafka()
  const database = withDatabase()

  it('writes a row a message, once over two runs, and quarantines what is not valid', async () => {
    const topic = await kafka.createTopic(2)
    const groupId = kafka.name('group')
    const send = (from: number, to: number) =>
      kafka.produce(
        topic,
        Array.from({ length: to - from }, (_, i) => ({ value: JSON.stringify({ id: from + i }) })),
      )
    const pipeline = topicToPostgres({
      name: 'ids',
      from: { brokers: kafka.brokers, topics: [topic], groupId },
      schema: { type: 'object', properties: { id: { type: 'integer' } }, required: ['id'] } as const,
      toRow: ({ id }, context) => (id === 5 ? context.skip('not wanted') : { id }),
      table: table('ids', c => ({ id: c.integer() }), { create: true }),
      database: postgres({ connection: database.connection }),
    })
    const run = async (settled: number) => {
      const running = pipeline.start()
      const done = () => {
        const { delivered, skipped, quarantined } = running.snapshot()
        return delivered + skipped + quarantined
      }
      try {
        await expect.poll(done, { timeout: 30_000 }).toBe(settled)
      } finally {
        await running.stop()
      }
    }
    await send(0, 50)
    await kafka.produce(topic, [{ value: '{"id":"x"}' }, { value: 'no json' }])
    await run(52)
    await send(50, 80)
    await run(30)
    const rows = await query<{ id: number }>(database.connection, 'select id from ids order by id')
    expect(rows.map(({ id }) => id)).toEqual(Array.from({ length: 80 }, (_, id) => id).filter(id => id !== 5))
    const failed = await query<{ stage: string }>(database.connection, 'select stage from millrace_quarantine order by stage')
    expect(failed.map(({ stage }) => stage)).toEqual(['decode', 'validate'])
  })
})
