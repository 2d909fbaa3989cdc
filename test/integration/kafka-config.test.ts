import { join } from 'node:path'
import { expect, it } from 'vitest'
import { loadConfig } from '../../src/config/load-config.js'
import { kinds } from '../../src/pipelines/kinds.js'
import { directoryWith } from '../harness/config-files.js'
import { query, withDatabase } from '../harness/database.js'
import { describeKafka, withKafka } from '../harness/kafka.js'

const config = `
pipelines:
  ids:
    use: topic-to-postgres
    from: { brokers: '\${BROKERS}', topics: '\${TOPICS}', groupId: '\${GROUP}', commitEveryMs: '\${COMMIT_MS:-100}' }
    schema: { type: object, properties: { id: { type: integer } }, required: [id] }
    table:
      name: ids
      create: true
      columns: { id: { type: integer, key: true }, note: { type: text, nullable: true } }
    database: { connection: '\${DATABASE_URL}' }
    write: { mode: upsert }
`

describeKafka('topic-to-postgres in a config', () => {
  const kafka = withKafka()
  const database = withDatabase()

  it('reads topics by an expression into a table, and keeps what is not valid', async () => {
    const topic = await kafka.createTopic(2)
    const directory = await directoryWith({ 'millrace.config.yaml': config })
    const env = { BROKERS: kafka.brokers.join(','), TOPICS: `/^${topic}$/`, GROUP: kafka.name('group'), DATABASE_URL: database.connection }
    const loaded = await loadConfig(join(directory, 'millrace.config.yaml'), { kinds, env })
    await kafka.produce(
      topic,
      ['{"id":1}', '{"id":2,"note":"b","more":1}', '{"id":"x"}', 'no json'].map(value => ({ value })),
    )
    const run = (await loaded.pipeline('ids')).start()
    try {
      await expect.poll(() => run.snapshot().delivered + run.snapshot().quarantined, { timeout: 30_000 }).toBe(4)
    } finally {
      await run.stop()
    }
    expect(await query(database.connection, 'select id, note from ids order by id')).toEqual([
      { id: 1, note: null },
      { id: 2, note: 'b' },
    ])
    expect(await query(database.connection, 'select stage from millrace_quarantine order by stage')).toEqual([
      { stage: 'decode' },
      { stage: 'validate' },
    ])
  })
})
