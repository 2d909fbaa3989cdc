import { isMillraceError, MillraceError } from '../../core/errors.js'
import type { KafkaDriver, OutgoingMessage } from '../../drivers/kafka/driver.js'

/** The topics that a sink has met, with their numbers of partitions: asked for once, and again when a message wants a partition beyond them. */
export class Topics {
  private readonly partitions = new Map<string, number>()

  constructor(private readonly driver: KafkaDriver) {}

  /** @throws {MillraceError} `MILL_TOPIC_UNKNOWN`; `MILL_KAFKA_AWAY`, which is retryable. */
  async ask(topic: string): Promise<void> {
    const admin = await this.driver.openAdmin()
    try {
      this.partitions.set(topic, (await admin.ranges(topic)).length)
    } finally {
      await admin.close()
    }
  }

  /** Whether all that is known suffices to say yes. Asks nobody. */
  knows({ topic, partition = 0 }: OutgoingMessage): boolean {
    return partition < (this.partitions.get(topic) ?? 0)
  }

  /** Why the message cannot be sent, once the cluster was asked; undefined where it can. Throws where the cluster cannot answer. */
  async refusalOf(message: OutgoingMessage): Promise<MillraceError | undefined> {
    const { topic, partition } = message
    try {
      await this.ask(topic)
    } catch (error) {
      if (isMillraceError(error, 'MILL_TOPIC_UNKNOWN')) return error
      throw error
    }
    if (this.knows(message)) return undefined
    const expected = `one of the ${this.partitions.get(topic)} of topic ${topic}`
    return new MillraceError('MILL_MESSAGE_INVALID', { member: 'partition', expected, given: `${partition}` })
  }
}
