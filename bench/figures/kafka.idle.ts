import { setTimeout as pause } from 'node:timers/promises'
import { definePipeline, kafkaSource } from 'millrace'
import { below, figure, noGoal, type Options, type Side, type Topic } from '../figure.js'
import { startBare } from '../parts/bare-consumer.js'
import { newGroup } from '../parts/kafka-topic.js'
import { nullSink } from '../parts/null-sink.js'

const idleMs = ({ quick }: Options) => (quick ? 3_000 : 60_000)
/** Joining, and what the compiler still does afterwards. */
const SETTLING_MS = 5_000

/** Begins something, lets it come to rest, and gives the share of one processor that it took while there was nothing to read. */
function idleSide(options: Options, begin: () => Promise<() => Promise<unknown>>): Side {
  return {
    async run() {
      const stop = await begin()
      await pause(SETTLING_MS)
      const before = process.cpuUsage()
      const begun = performance.now()
      await pause(idleMs(options))
      const { user, system } = process.cpuUsage(before)
      const ms = performance.now() - begun
      await stop()
      return ((user + system) / 1_000 / ms) * 100
    },
  }
}

export const kafkaIdle = figure<Topic>({
  what: 'processor time of a consumer of 4 partitions in which nothing comes, over 60 s, in % of one processor, against 1 %',
  unit: '%',
  prepare: resources => resources.topic(4),
  sides: {
    ours: (setting, options) =>
      idleSide(options, async () => {
        const run = definePipeline({
          name: 'idle',
          source: kafkaSource({ brokers: setting.brokers, topics: [setting.topic], groupId: newGroup(setting) }),
          steps: records => records,
          sink: nullSink(),
          onFailure: 'halt',
        }).start()
        return async () => {
          const { state } = run.snapshot()
          if (state !== 'running') throw new Error(`the run was ${state}, not running`)
          await run.stop()
        }
      }),
    bare: (setting, options) =>
      idleSide(options, async () => (await startBare({ ...setting, rows: 0 }, () => ({ eachBatch: async () => {} }))).stop),
  },
  runs: 1,
  warmUps: 0,
  comparisons: [
    { ours: 'ours', limit: 1, goal: below('%') },
    { what: 'the same against bare kafkajs', ours: 'ours', limit: 'bare', goal: noGoal },
  ],
})
