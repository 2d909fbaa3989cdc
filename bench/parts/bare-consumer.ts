import type { Consumer, ConsumerRunConfig } from 'kafkajs'
import type { Consuming } from './consuming-side.js'
import { kafkaOf, newGroup, type TopicSetting } from './kafka-topic.js'

/** How a consumer of kafkajs runs; `done` is to be called with how many records are where they belong whenever more are. */
export type Handlers = (done: (records: number) => void, consumer: Consumer) => ConsumerRunConfig

/** Starts a consumer of kafkajs for the `rows` of the setting in a group of its own, from the beginning of the topic. */
export async function startBare(setting: TopicSetting, handlers: Handlers): Promise<Consuming> {
  const consumer = kafkaOf(setting).consumer({ groupId: newGroup(setting), maxBytesPerPartition: 1_048_576 })
  await consumer.connect()
  await consumer.subscribe({ topic: setting.topic, fromBeginning: true })
  const begun = resolvable<number>()
  const done = resolvable<void>()
  consumer.on(consumer.events.CRASH, ({ payload }) => done.reject(payload.error))
  const count = (records: number) => {
    begun.resolve(records)
    if (records >= setting.rows) done.resolve()
  }
  consumer.run(handlers(count, consumer)).catch(done.reject)
  return {
    begun: Promise.race([begun.promise, done.promise.then(() => setting.rows)]),
    done: done.promise,
    stop: () => consumer.disconnect(),
  }
}

function resolvable<T>(): { readonly promise: Promise<T>; resolve(value: T): void; reject(error: unknown): void } {
  let resolve!: (value: T) => void
  let reject!: (error: unknown) => void
  const promise = new Promise<T>((resolveIt, rejectIt) => {
    resolve = resolveIt
    reject = rejectIt
  })
  return { promise, resolve, reject }
}
