import { setTimeout } from 'node:timers/promises'
import kafkajs from 'kafkajs'
import type { KafkaTools } from '../../harness/kafka-tools.js'
import { messageOf } from './records.js'

const { Partitioners } = kafkajs

/** Records at once, and ms between: some 1,500 a second. */
const RECORDS = 75
const EVERY_MS = 50

/** Produces numbered records, also while the broker is away, until it is stopped. */
export class Load {
  private isOver = false
  private produced = 0
  private readonly done: Promise<number>

  constructor(
    private readonly kafka: KafkaTools,
    private readonly topic: string,
  ) {
    this.done = this.produce()
    this.done.catch(() => {})
  }

  /** How many were produced up to now. */
  get count(): number {
    return this.produced
  }

  /** How many records were produced. Of growing numbers from 0, each once. */
  stop(): Promise<number> {
    this.isOver = true
    return this.done
  }

  private async produce(): Promise<number> {
    const producer = this.kafka.client({ retry: { retries: 60, maxRetryTime: 1_000 } }).producer({
      createPartitioner: Partitioners.DefaultPartitioner,
      idempotent: true,
      maxInFlightRequests: 1,
    })
    await producer.connect()
    try {
      for (; !this.isOver; this.produced += RECORDS) {
        const messages = Array.from({ length: RECORDS }, (_, i) => messageOf(this.produced + i))
        await producer.send({ topic: this.topic, messages, acks: -1 })
        await setTimeout(EVERY_MS)
      }
      return this.produced
    } finally {
      await producer.disconnect()
    }
  }
}
