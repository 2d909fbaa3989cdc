import { silentLog } from '../../src/core/log.js'
import { openKafka } from '../../src/drivers/kafka/open-kafka.js'
import { describeKafkaDriver } from '../behaviours/kafka-driver.js'
import { describeKafka, withKafka } from '../harness/kafka.js'

describeKafka('the driver on kafkajs', () => {
  const kafka = withKafka()
  describeKafkaDriver({
    kafka,
    driver: (more = {}) => openKafka({ brokers: kafka.brokers, clientId: 'millrace-tests', connectTimeoutMs: 5_000, ...more }, silentLog),
  })
})
