import type { KafkaDriver, MakeDriver } from './driver.js'

/** The driver on kafkajs, which is loaded when something is first opened: a process without Kafka pays nothing. */
export const openKafka: MakeDriver = (connection, log): KafkaDriver => {
  let opening: Promise<KafkaDriver> | undefined
  const driver = (): Promise<KafkaDriver> => {
    opening ??= import('./kafkajs.js').then(({ kafkajsDriver }) => kafkajsDriver(connection, log))
    return opening
  }
  return {
    name: connection.brokers.join(','),
    joinGroup: async (options, handlers) => (await driver()).joinGroup(options, handlers),
    openProducer: async options => (await driver()).openProducer(options),
    openAdmin: async () => (await driver()).openAdmin(),
    openInspector: async () => (await driver()).openInspector!(),
  }
}
