import { definePipeline, kafkaSource } from 'millrace'
import { atLeast, figure } from '../figure.js'
import { startBare } from '../parts/bare-consumer.js'
import { readingSide, startConsuming } from '../parts/consuming-side.js'
import { newGroup, prepareTopic, type TopicSetting } from '../parts/kafka-topic.js'
import { nullSink } from '../parts/null-sink.js'
import { copyLine } from '../parts/sales.js'

export const kafkaCount = figure<TopicSetting>({
  what: '600,000 records of 300 bytes of a topic with 4 partitions through the engine into a sink that only counts, against eachBatch of bare kafkajs',
  unit: 'records/s',
  prepare: resources => prepareTopic(resources, copyLine, resources.quick ? 60_000 : 600_000),
  sides: {
    ours: setting =>
      readingSide(setting.rows, () =>
        startConsuming(
          definePipeline({
            name: 'count',
            source: kafkaSource({ brokers: setting.brokers, topics: [setting.topic], groupId: newGroup(setting) }),
            steps: records => records,
            sink: nullSink(),
            onFailure: 'halt',
          }),
          setting.rows,
        ),
      ),
    bare: setting =>
      readingSide(setting.rows, () =>
        startBare(setting, done => {
          let count = 0
          return {
            partitionsConsumedConcurrently: 4,
            // As often as ours commits.
            autoCommitInterval: 1_000,
            eachBatch: async ({ batch }) => {
              count += batch.messages.length
              done(count)
            },
          }
        }),
      ),
  },
  comparisons: [{ ours: 'ours', limit: 'bare', goal: atLeast(0.9) }],
})
