import { setTimeout as sleep } from 'node:timers/promises'
import type { Admin as KafkajsAdmin } from 'kafkajs'
import { isMillraceError, MillraceError } from '../../core/errors.js'
import type { Admin } from './driver.js'
import { brokerAnswerOf, kafkaError } from './kafka-error.js'
import type { Kafkajs } from './kafkajs-parts.js'

const MAX_SHOWN = 20
const movedAnswers = new Set(['NOT_LEADER_FOR_PARTITION', 'LEADER_NOT_AVAILABLE', 'REPLICA_NOT_AVAILABLE', 'FENCED_LEADER_EPOCH'])
const MOVED_ATTEMPTS = 6
const MOVED_PAUSE_MS = 200

/** Asks the cluster. */
export async function openKafkajsAdmin(kafkajs: Kafkajs): Promise<Admin & { known(topic: string): Promise<unknown> }> {
  let admin = await connected(kafkajs)
  const asked = new Set<Promise<unknown>>()
  let isClosed = false
  const ask = async <T>(doing: string, question: () => Promise<T>, topic?: string, groupId?: string): Promise<T> => {
    const asking = isClosed ? Promise.reject(new Error('the connection was closed')) : settled(question)
    asked.add(asking)
    try {
      return await asking
    } catch (error) {
      throw await named(kafkaError(error, { cluster: kafkajs.name, doing, topic, groupId }), admin)
    } finally {
      asked.delete(asking)
    }
  }
  /** Asks again where a leader has moved, or is just beginning: by a fresh client, for kafkajs keeps who leads for five minutes. */
  const settled = async <T>(question: () => Promise<T>): Promise<T> => {
    for (let attempt = 1; ; attempt++) {
      try {
        return await question()
      } catch (error) {
        if (attempt === MOVED_ATTEMPTS || !movedAnswers.has(brokerAnswerOf(error) ?? '')) throw error
      }
      await sleep(MOVED_PAUSE_MS)
      const old = admin
      admin = await connected(kafkajs)
      await old.disconnect()
    }
  }
  const known = (topic: string) => ask(`look for topic ${topic}`, () => admin.fetchTopicMetadata({ topics: [topic] }), topic)
  return {
    known,
    topics: () => ask('list the topics', () => admin.listTopics()),
    ranges: async topic => {
      await known(topic)
      const offsets = await ask(`read the offsets of topic ${topic}`, () => admin.fetchTopicOffsets(topic), topic)
      return offsets.map(({ partition, low, high }) => ({ partition, low: Number(low), high: Number(high) })).sort(byPartition)
    },
    offsetsAt: async (topic, timestampMs) => {
      await known(topic)
      const doing = `read the offsets of topic ${topic} at ${timestampMs}`
      const offsets = await ask(doing, () => admin.fetchTopicOffsetsByTimestamp(topic, timestampMs), topic)
      return offsets.map(({ partition, offset }) => ({ partition, offset: Number(offset) })).sort(byPartition)
    },
    committed: async (groupId, topics) => {
      const doing = `read what group ${groupId} has committed`
      const found = await ask(doing, () => admin.fetchOffsets({ groupId, topics: [...topics] }), topics.join(', '), groupId)
      return found.flatMap(({ topic, partitions }) =>
        // Below zero: nothing, or the mark that kafkajs commits after an offset out of range.
        partitions.flatMap(({ partition, offset }) => (Number(offset) < 0 ? [] : [{ topic, partition, offset: Number(offset) }])),
      )
    },
    createTopic: async (topic, { partitions, config = {} }) => {
      const configEntries = Object.entries(config).map(([name, value]) => ({ name, value }))
      const made = { topic, numPartitions: partitions, replicationFactor: -1, configEntries }
      await ask(`make topic ${topic}`, () => admin.createTopics({ waitForLeaders: false, topics: [made] }), topic)
      await untilKnown(() => known(topic))
    },
    close: async () => {
      // A question under way may be opening a connection, which kafkajs would not close.
      await Promise.allSettled(asked)
      const disconnected = ask('disconnect', () => admin.disconnect())
      isClosed = true
      await disconnected
    },
  }
}

async function connected(kafkajs: Kafkajs): Promise<KafkajsAdmin> {
  const admin = kafkajs.client().admin()
  try {
    await admin.connect()
    return admin
  } catch (error) {
    await admin.disconnect().catch(() => {})
    throw kafkaError(error, { cluster: kafkajs.name, doing: 'connect' })
  }
}

/** The controller has a new topic before the brokers do. Until then they know of none, which kafkajs, waiting for leaders, takes for their last word. */
async function untilKnown(ask: () => Promise<unknown>): Promise<void> {
  for (let attempt = 1; ; attempt++) {
    try {
      await ask()
      return
    } catch (error) {
      if (!isMillraceError(error, 'MILL_TOPIC_UNKNOWN') || attempt === MADE_ATTEMPTS) throw error
    }
    await sleep(MADE_PAUSE_MS)
  }
}

const MADE_ATTEMPTS = 50
const MADE_PAUSE_MS = 100

/** The names of topics; of an expression, those that it matches. Throws `MILL_TOPIC_UNKNOWN` where one is not there, or none matches. */
export async function resolveTopics(kafkajs: Kafkajs, topics: readonly string[] | RegExp): Promise<readonly string[]> {
  const admin = await openKafkajsAdmin(kafkajs)
  try {
    if (!(topics instanceof RegExp)) {
      await Promise.all(topics.map(topic => admin.known(topic)))
      return [...topics]
    }
    const existing = await admin.topics()
    const expression = new RegExp(topics.source, topics.flags.replace(/[gy]/g, ''))
    const found = existing.filter(topic => expression.test(topic) && !topic.startsWith('__')).sort()
    if (found.length === 0) throw unknown(kafkajs.name, `that ${topics} matches`, existing)
    return found
  } finally {
    await admin.close()
  }
}

/** Tells which topics there are. */
async function named(error: MillraceError, admin: KafkajsAdmin): Promise<MillraceError> {
  if (error.code !== 'MILL_TOPIC_UNKNOWN') return error
  const { cluster, topic } = error.details as { readonly cluster: string; readonly topic: string }
  const existing = await admin.listTopics().catch(() => [])
  return unknown(cluster, topic, existing, error.cause)
}

function unknown(cluster: string, topic: string, existing: readonly string[], cause?: unknown): MillraceError {
  const names = existing.filter(name => !name.startsWith('__')).sort()
  const more = names.length > MAX_SHOWN ? `, and ${names.length - MAX_SHOWN} more` : ''
  const shown = names.length === 0 ? 'none that this user may see' : names.slice(0, MAX_SHOWN).join(', ') + more
  return new MillraceError('MILL_TOPIC_UNKNOWN', { cluster, topic, existing: shown }, { cause })
}

const byPartition = (a: { readonly partition: number }, b: { readonly partition: number }): number => a.partition - b.partition
