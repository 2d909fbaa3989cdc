import type { PipelineKind } from '../config/kind.js'
import type { KafkaSourceOptions } from '../sources/kafka-options.js'
import type { TableKindOptions } from './table-kind.js'
import { tableKindProperties } from './table-kind-schema.js'
import { type TopicOption, topicOptionsOf, topicSchema } from './topic-option.js'

/** What `use: 'topic-to-postgres'` takes in a config. */
export interface TopicToPostgresConfig extends TableKindOptions {
  readonly from: TopicOption
}

declare module '../config/config.js' {
  interface KindOptions {
    readonly 'topic-to-postgres': TopicToPostgresConfig
  }
}

/** {@link topicToPostgres} for configs. */
export const topicToPostgresKind: PipelineKind = {
  name: 'topic-to-postgres',
  summary:
    'Topics of Kafka into a table: each message exactly once, what fails into quarantine. Members of one group share the partitions.',
  schema: {
    type: 'object',
    required: ['from', 'table', 'database'],
    additionalProperties: false,
    properties: { from: topicSchema, ...tableKindProperties },
  },
  async make(name, given, context) {
    const options = given as unknown as TopicToPostgresConfig
    // Not before a pipeline is made: to complete or check a config nothing of it is needed.
    const [{ makeTablePipeline }, { kafkaSource }] = await Promise.all([import('./table-kind.js'), import('../sources/kafka.js')])
    const source = () => kafkaSource(topicOptionsOf(options.from) as KafkaSourceOptions)
    return makeTablePipeline(name, options, { source, sourcePath: 'from', sourceOptions: ['from'], format: 'json', context })
  },
}
