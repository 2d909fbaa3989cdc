import { checkKafka, LocalKafka } from './local-kafka.js'
import type { Server } from './server.js'

/** Apache Kafka, for whatever is tested against the real one. */
export const kafkaServer: Server = {
  name: 'kafka',
  variable: 'KAFKA_BROKERS',
  compose: { port: 9092, portVariable: 'MILLRACE_KAFKA_PORT', address: port => `127.0.0.1:${port}` },
  startLocal: () => LocalKafka.create(),
  check: checkKafka,
}
