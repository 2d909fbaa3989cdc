import { atLeast, figure } from '../figure.js'
import { type KafkaSalesSetting, kafkaToPostgres, prepareKafkaSales } from '../parts/kafka-sales.js'
import { psqlCopy } from '../parts/psql.js'

export const kafkaPostgres = figure<KafkaSalesSetting>({
  what: "300,000 records of 4 partitions → decode → validate → handle → append with ledger on two connections, against psql's \\copy of the finished rows on one",
  unit: 'records/s',
  prepare: resources => prepareKafkaSales(resources),
  sides: {
    ours: setting => kafkaToPostgres(setting, { mode: 'append', ledger: true }),
    copy: psqlCopy,
  },
  comparisons: [{ ours: 'ours', limit: 'copy', goal: atLeast(0.3) }],
})
