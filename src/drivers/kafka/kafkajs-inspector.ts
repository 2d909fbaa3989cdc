import { delay, systemClock } from '../../core/clock.js'
import { isMillraceError } from '../../core/errors.js'
import { memberOf } from '../../core/member.js'
import type { Inspector } from './inspector.js'
import { brokerAnswerOf, kafkaError } from './kafka-error.js'
import { openKafkajsAdmin } from './kafkajs-admin.js'
import type { Kafkajs } from './kafkajs-parts.js'

/** Of each request. ms. */
const REQUEST_MS = 4_000
const impatient = {
  connectionTimeout: REQUEST_MS,
  authenticationTimeout: REQUEST_MS,
  requestTimeout: REQUEST_MS,
  retry: { initialRetryTime: 50, maxRetryTime: 200, retries: 1 },
}
/** No topic has as many partitions. */
const NO_PARTITION = 2 ** 31 - 1
const TOPIC_RESOURCE = 2

/** As much of kafkajs's inner broker as an inspection asks for. */
interface Broker {
  fetch(request: object): Promise<{
    readonly responses: readonly { readonly partitions: readonly { readonly messages: readonly { readonly timestamp: string }[] }[] }[]
  }>
  produce(request: object): Promise<unknown>
  heartbeat(request: object): Promise<unknown>
}

interface Cluster {
  connect(): Promise<void>
  disconnect(): Promise<void>
  refreshMetadata(): Promise<void>
  addTargetTopic(topic: string): Promise<void>
  findLeaderForPartitions(topic: string, partitions: readonly number[]): Readonly<Record<string, readonly number[]>>
  findBroker(node: { readonly nodeId: string | number }): Promise<Broker>
  findGroupCoordinator(group: { readonly groupId: string }): Promise<Broker>
}

/** Connects, with little patience. */
export async function openKafkajsInspector(kafkajs: Kafkajs): Promise<Inspector> {
  const client = kafkajs.client(impatient)
  // First, and alone: where nothing answers, one connection is tried.
  const asking = await openKafkajsAdmin({ ...kafkajs, client: more => kafkajs.client({ ...impatient, ...more }) })
  const admin = client.admin()
  const cluster = clusterOf(client)
  const named = (error: unknown, doing: string, on: { readonly topic?: string; readonly groupId?: string } = {}) =>
    kafkaError(error, { cluster: kafkajs.name, doing, ...on })
  const close = async (): Promise<void> => {
    await Promise.allSettled([asking.close(), admin.disconnect(), cluster.disconnect()])
  }
  try {
    await admin.connect()
    await cluster.connect()
    // A broker is found by what is known of the cluster.
    await cluster.refreshMetadata()
  } catch (error) {
    await close()
    throw named(error, 'connect')
  }
  const leaderOf = async (topic: string, partition: number): Promise<Broker> => {
    await cluster.addTargetTopic(topic)
    const [nodeId] = Object.keys(cluster.findLeaderForPartitions(topic, [partition]))
    return cluster.findBroker({ nodeId: nodeId! })
  }
  const { topics, ranges, committed } = asking
  return {
    topics,
    ranges,
    committed,
    close,
    async brokers() {
      const { brokers } = await admin.describeCluster().catch(error => Promise.reject(named(error, 'ask for the brokers')))
      return Promise.all(
        brokers.map(async ({ nodeId, host, port }) => ({
          address: `${host}:${port}`,
          failure: await cluster.findBroker({ nodeId }).then(
            () => undefined,
            error => named(error, `connect to broker ${nodeId}`),
          ),
        })),
      )
    },
    async read(topic, { partition, low, high }) {
      const fetchOffset = `${Math.max(low, high - 1)}`
      const wanted = { topic, partitions: [{ partition, fetchOffset, maxBytes: 65_536 }] }
      try {
        const broker = await leaderOf(topic, partition)
        const { responses } = await broker.fetch({ isolationLevel: 1, maxWaitTime: 100, minBytes: 0, maxBytes: 65_536, topics: [wanted] })
        const last = responses[0]?.partitions[0]?.messages.at(-1)
        return last === undefined ? null : Number(last.timestamp)
      } catch (error) {
        throw named(error, `read topic ${topic}`, { topic })
      }
    },
    async mayWrite(topic) {
      const messages = [{ key: null, value: Buffer.from('an inspection: never kept'), headers: {} }]
      const topicData = [{ topic, partitions: [{ partition: NO_PARTITION, firstSequence: -1, messages }] }]
      try {
        const broker = await leaderOf(topic, 0)
        await broker.produce({ acks: -1, timeout: REQUEST_MS, topicData })
      } catch (error) {
        if (brokerAnswerOf(error) !== 'UNKNOWN_TOPIC_OR_PARTITION') throw named(error, `write topic ${topic}`, { topic })
      }
    },
    async mayJoin(groupId) {
      try {
        await patiently(async () => {
          const coordinator = await cluster.findGroupCoordinator({ groupId })
          await coordinator.heartbeat({ groupId, groupGenerationId: 0, memberId: 'millrace-inspection' })
        })
      } catch (error) {
        if (!unknownMember.has(brokerAnswerOf(error) ?? '')) throw named(error, `join group ${groupId}`, { groupId })
      }
    },
    async group(groupId) {
      const { groups } = await admin.describeGroups([groupId]).catch(error => {
        throw named(error, `ask for group ${groupId}`, { groupId })
      })
      const { state = '', protocolType = '', protocol = '', members = [] } = groups[0] ?? {}
      return { state, protocolType, protocol, members: members.length }
    },
    async topicConfig(topic, names) {
      const resources = [{ type: TOPIC_RESOURCE, name: topic, configNames: [...names] }]
      try {
        const found = await admin.describeConfigs({ resources, includeSynonyms: false })
        return new Map(found.resources[0]!.configEntries.map(({ configName, configValue }) => [configName, configValue]))
      } catch (error) {
        const own = named(error, `ask for the settings of topic ${topic}`, { topic })
        if (isMillraceError(own, 'MILL_KAFKA_REFUSED')) return undefined
        throw own
      }
    },
  }
}

/** Answers that are given only to who may be a member. */
const unknownMember = new Set(['UNKNOWN_MEMBER_ID', 'ILLEGAL_GENERATION', 'REBALANCE_IN_PROGRESS'])

const coming = new Set(['GROUP_COORDINATOR_NOT_AVAILABLE', 'GROUP_LOAD_IN_PROGRESS', 'NOT_COORDINATOR_FOR_GROUP'])

/** In a cluster that never had a group, the place of groups is made by the first question. */
async function patiently<T>(ask: () => Promise<T>): Promise<T> {
  for (let left = 10; ; left--) {
    try {
      return await ask()
    } catch (error) {
      const isComing = coming.has(brokerAnswerOf(error) ?? '') || memberOf(error, 'name') === 'KafkaJSGroupCoordinatorNotFound'
      if (left === 0 || !isComing) throw error
      await delay(systemClock, 300)
    }
  }
}

/** A cluster of the client's own making: kafkajs gives it to its own parts only. */
function clusterOf(client: object): Cluster {
  const key = Object.getOwnPropertySymbols(client).find(({ description }) => description === 'private:Kafka:createCluster')
  const make = (client as Record<symbol, (options: object) => Cluster>)[key!]!
  return make({ allowAutoTopicCreation: false, metadataMaxAge: 300_000 })
}
