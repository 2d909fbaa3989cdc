import { definePipeline, kafkaSink } from 'millrace'
import { atLeast, figure, type Options, perSecond, type Topic } from '../figure.js'
import { generatedSource } from '../parts/generated-source.js'
import { bareProducer } from '../parts/kafka-topic.js'
import { copyLine, saleAt } from '../parts/sales.js'
import { rowsOf } from '../parts/sales-database.js'

/** What `kafkaSink` sends at once when it is not told otherwise. */
const BATCH = 1_000

/** The same messages on both sides, made before: 5,000 different ones, in turn. */
const messages = Array.from({ length: 5_000 }, (_, i) => ({ key: Buffer.from(`${i}`), value: Buffer.from(copyLine(saleAt(i))) }))
const messageAt = (index: number) => messages[index % messages.length]!

export const kafkaProduce = figure<Topic>({
  what: '300,000 messages of 300 bytes by kafkaSink to a topic with 4 partitions, against producer.sendBatch of bare kafkajs, the same batches of 1,000, both idempotent',
  unit: 'records/s',
  // What was written is not needed, and several rounds would be gigabytes.
  prepare: resources => resources.topic(4, { 'retention.bytes': '33554432' }),
  sides: {
    ours: ({ brokers, topic }, options: Options) => ({
      run: () =>
        perSecond(rowsOf(options), async () => {
          const { delivered } = await definePipeline({
            name: 'produce',
            source: generatedSource(
              rowsOf(options),
              index => messageAt(index).value,
              undefined,
              index => messageAt(index).key,
            ),
            steps: records => records,
            sink: kafkaSink({ brokers, topic }),
            onFailure: 'halt',
          }).start().finished
          if (delivered !== rowsOf(options)) throw new Error(`${delivered} of ${rowsOf(options)} were delivered`)
        }),
    }),
    bare: (setting, options) => ({
      run: () =>
        perSecond(rowsOf(options), async () => {
          const producer = await bareProducer(setting)
          for (let from = 0; from < rowsOf(options); from += BATCH) {
            const batch = Array.from({ length: Math.min(BATCH, rowsOf(options) - from) }, (_, i) => ({ ...messageAt(from + i) }))
            await producer.sendBatch({ acks: -1, topicMessages: [{ topic: setting.topic, messages: batch }] })
          }
          await producer.disconnect()
        }),
    }),
  },
  comparisons: [{ ours: 'ours', limit: 'bare', goal: atLeast(0.9) }],
})
