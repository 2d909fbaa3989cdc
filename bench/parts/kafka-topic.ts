import kafkajs, { Kafka, type Message, type Producer } from 'kafkajs'
import type { Resources, Topic } from '../figure.js'
import { type SaleRow, saleAt } from './sales.js'

const PARTITIONS = 4
/** Of one batch of one partition. */
const BATCH = 1_000

/** A topic that is filled. */
export interface TopicSetting extends Topic {
  /** In all of its partitions. */
  readonly rows: number
}

/** A client that prints nothing: what it tries again is no news, and what it gives up is thrown. */
export const kafkaOf = ({ brokers }: Pick<Topic, 'brokers'>): Kafka =>
  new Kafka({ brokers: [...brokers], clientId: 'bench', logLevel: kafkajs.logLevel.NOTHING })

/** An idempotent producer as people write it by hand, connected. */
export async function bareProducer(topic: Pick<Topic, 'brokers'>): Promise<Producer> {
  const { DefaultPartitioner } = kafkajs.Partitioners
  const producer = kafkaOf(topic).producer({ idempotent: true, maxInFlightRequests: 1, createPartitioner: DefaultPartitioner })
  await producer.connect()
  return producer
}

let groups = 0

/** A group that has read nothing yet. */
export const newGroup = ({ topic }: Topic): string => `${topic}-${process.pid}-${groups++}`

/** A topic of 4 partitions with `rows` sales in turn, their ids as keys, in batches of 1,000. */
export async function prepareTopic(resources: Resources, valueOf: (sale: SaleRow) => string, rows: number): Promise<TopicSetting> {
  const topic = await resources.topic(PARTITIONS)
  const producer = await bareProducer(topic)
  try {
    for (let from = 0; from < rows; from += PARTITIONS * BATCH) {
      const messages: Message[] = []
      for (let i = from; i < Math.min(from + PARTITIONS * BATCH, rows); i++)
        messages.push({ partition: i % PARTITIONS, key: `${i}`, value: valueOf(saleAt(i)) })
      await producer.send({ topic: topic.topic, messages, acks: -1 })
    }
  } finally {
    await producer.disconnect()
  }
  return { ...topic, rows }
}
