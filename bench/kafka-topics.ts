import { randomBytes } from 'node:crypto'
import { type Admin, Kafka, logLevel } from 'kafkajs'
import type { Topic } from './figure.js'

/** The topics that figures made, and the groups that read them. */
export class KafkaTopics {
  private readonly brokers: readonly string[]
  private readonly topics: string[] = []

  constructor(address: string) {
    this.brokers = address.split(',').map(broker => broker.trim())
  }

  /** Makes a topic and resolves when its partitions have leaders. */
  async create(partitions: number, config: Readonly<Record<string, string>>): Promise<Topic> {
    const topic = `bench-${randomBytes(6).toString('hex')}`
    const configEntries = Object.entries(config).map(([name, value]) => ({ name, value }))
    await this.asAdmin(admin => admin.createTopics({ waitForLeaders: true, topics: [{ topic, numPartitions: partitions, configEntries }] }))
    this.topics.push(topic)
    return { brokers: this.brokers, topic }
  }

  /** Deletes them, and the groups whose names begin with theirs. */
  async clear(): Promise<void> {
    const topics = this.topics.splice(0)
    if (topics.length === 0) return
    await this.asAdmin(async admin => {
      const { groups } = await admin.listGroups()
      const ours = groups.map(({ groupId }) => groupId).filter(id => topics.some(topic => id.startsWith(topic)))
      if (ours.length > 0) await admin.deleteGroups(ours)
      await admin.deleteTopics({ topics })
    })
  }

  private async asAdmin(use: (admin: Admin) => Promise<unknown>): Promise<void> {
    const admin = new Kafka({ brokers: [...this.brokers], logLevel: logLevel.NOTHING }).admin()
    await admin.connect()
    try {
      await use(admin)
    } finally {
      await admin.disconnect()
    }
  }
}
