import { atLeast, figure } from '../figure.js'
import { type KafkaSalesSetting, kafkaToPostgres, prepareKafkaSales } from '../parts/kafka-sales.js'

export const kafkaLedger = figure<KafkaSalesSetting>({
  what: '300,000 records of 4 partitions → decode → validate → handle → append on two connections: with the ledger against without',
  unit: 'records/s',
  prepare: resources => prepareKafkaSales(resources),
  sides: {
    on: setting => kafkaToPostgres(setting, { mode: 'append', ledger: true }),
    off: setting => kafkaToPostgres(setting, { mode: 'append', onDuplicate: 'quarantine' }),
  },
  comparisons: [{ ours: 'on', limit: 'off', goal: atLeast(0.85) }],
})
