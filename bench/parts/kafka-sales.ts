import {
  decode,
  definePipeline,
  handle,
  kafkaSource,
  type PostgresSinkOptions,
  postgres,
  postgresQuarantine,
  postgresSink,
  validate,
} from 'millrace'
import type { Resources, Side } from '../figure.js'
import { consumingSide, startConsuming } from './consuming-side.js'
import { newGroup, prepareTopic, type TopicSetting } from './kafka-topic.js'
import { cleaned, copyLine, Sale, sales } from './sales.js'
import { COPY_FILE, prepareSales, rowsOf, type SalesSetting } from './sales-database.js'
import { nextName } from './sales-sink.js'

/** A topic of sales as JSON, and a database with an empty table for them. */
export type KafkaSalesSetting = SalesSetting & TopicSetting

/** A database, a file of the rows for `\copy`, and a topic of the same rows as JSON. */
export async function prepareKafkaSales(resources: Resources, rows = rowsOf(resources)): Promise<KafkaSalesSetting> {
  const database = await prepareSales(resources, { [COPY_FILE]: copyLine }, rows)
  return { ...database, ...(await prepareTopic(resources, sale => JSON.stringify(sale), rows)) }
}

/** Ours: Kafka → decode → validate → handle → rows by two connections, quarantine in the same database. */
export function kafkaToPostgres(setting: KafkaSalesSetting, options: PostgresSinkOptions<typeof sales.columns, 'id'>): Promise<Side> {
  const { address, brokers, topic, rows } = setting
  const database = postgres({ connection: address })
  const begin = () =>
    startConsuming(
      definePipeline({
        name: nextName(),
        source: kafkaSource({ brokers, topics: [topic], groupId: newGroup(setting) }),
        steps: records => records.pipe(decode('json'), validate(Sale), handle(cleaned)),
        sink: postgresSink(database, sales, options),
        onFailure: postgresQuarantine(database),
      }),
      rows,
    )
  return consumingSide(setting, begin)
}
