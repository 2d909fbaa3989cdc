import { atLeast, figure } from '../figure.js'
import { handWrittenLoop, insertPerMessage } from '../parts/hand-written-loop.js'
import { type KafkaSalesSetting, kafkaToPostgres, prepareKafkaSales } from '../parts/kafka-sales.js'

export const kafkaNaive = figure<KafkaSalesSetting>({
  what: '300,000 records of 4 partitions into Postgres with ledger, against eachBatch, ajv, VALUES of 1,000 rows and a commit of offsets after each, by hand',
  unit: 'records/s',
  prepare: resources => prepareKafkaSales(resources),
  sides: {
    ours: setting => kafkaToPostgres(setting, { mode: 'append', ledger: true }),
    loop: handWrittenLoop,
    one: insertPerMessage,
  },
  comparisons: [
    { ours: 'ours', limit: 'loop', goal: atLeast(1.5) },
    { what: 'the same against one insert a message, each its own commit (3,000 of them)', ours: 'ours', limit: 'one', goal: atLeast(40) },
  ],
})
