import { fork } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import { figure, milliseconds, type Side, within } from '../figure.js'
import { type KafkaSalesSetting, prepareKafkaSales } from '../parts/kafka-sales.js'
import { kafkaOf, newGroup } from '../parts/kafka-topic.js'
import { connected, emptied, mustHold } from '../parts/sales-database.js'

const program = fileURLToPath(new URL('../parts/stopped-program.js', import.meta.url))
const ROWS = 4_000

/** From the word to stop until the process is gone. Before, all records are held; after, all must be rows, and their offsets committed. */
async function stopped(setting: KafkaSalesSetting): Promise<Side> {
  const client = await connected(setting.address)
  return {
    async run() {
      await emptied(client)
      const group = newGroup(setting)
      const child = fork(program, [JSON.stringify(setting), group], { stdio: ['ignore', process.stderr, process.stderr, 'ipc'] })
      const exited = once(child, 'exit')
      const ended = exited.then(([status, signal]) => {
        throw new Error(`the program ended with ${signal ?? `exit status ${status}`} before it was stopped`)
      })
      await Promise.race([once(child, 'message'), ended])
      ended.catch(() => {})
      const ms = await milliseconds(async () => {
        child.send('stop')
        await exited
      })
      if (child.exitCode !== 0) throw new Error(`the program ended with ${child.signalCode ?? `exit status ${child.exitCode}`}`)
      await mustHold(client, setting.rows)
      await mustHaveCommitted(setting, group)
      return ms
    },
    close: () => client.end(),
  }
}

/** One question to each of the servers. */
async function roundTrip(setting: KafkaSalesSetting): Promise<Side> {
  const client = await connected(setting.address)
  const admin = kafkaOf(setting).admin()
  await admin.connect()
  return {
    run: () =>
      milliseconds(async () => {
        await client.query('select 1')
        await admin.fetchTopicOffsets(setting.topic)
      }),
    async close() {
      await admin.disconnect()
      await client.end()
    },
  }
}

async function mustHaveCommitted(setting: KafkaSalesSetting, groupId: string): Promise<void> {
  const admin = kafkaOf(setting).admin()
  await admin.connect()
  try {
    const [of] = await admin.fetchOffsets({ groupId, topics: [setting.topic] })
    const committed = of!.partitions.reduce((sum, { offset }) => sum + Math.max(0, Number(offset)), 0)
    if (committed !== setting.rows) throw new Error(`${committed} of ${setting.rows} positions were committed`)
  } finally {
    await admin.disconnect()
  }
}

export const kafkaStop = figure<KafkaSalesSetting>({
  what: `from stop() until the process is gone, ${ROWS.toLocaleString('en')} records held by a batch timer of 15 minutes: all rows written and offsets committed; against a round trip to both servers`,
  unit: 'ms',
  prepare: resources => prepareKafkaSales(resources, ROWS),
  sides: { ours: stopped, roundTrip },
  comparisons: [{ ours: 'ours', limit: 'roundTrip', goal: within(2_000, 'ms') }],
})
