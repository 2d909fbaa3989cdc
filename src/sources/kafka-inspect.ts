import { systemClock } from '../core/clock.js'
import { isMillraceError } from '../core/errors.js'
import type { Finding, InspectionContext } from '../core/inspection.js'
import type { KafkaDriver, OffsetRange } from '../drivers/kafka/driver.js'
import { inspectCluster, refused } from '../drivers/kafka/inspect-cluster.js'
import { type Inspector, OUR_PROTOCOL } from '../drivers/kafka/inspector.js'
import type { KafkaReading } from './kafka-options.js'

/** A record this far in the future says that clocks differ. ms. */
const MAX_AHEAD_MS = 5_000

/** For `millrace explain`. */
export function describeKafka(name: string, { topics, groupId, startAt, onRemoved }: KafkaReading): readonly string[] {
  const start = startAt instanceof Date ? startAt.toISOString() : startAt
  return [
    `Kafka: ${topics instanceof RegExp ? `topics that match ${topics}` : `topics ${topics.join(', ')}`} of ${name}`,
    `as consumer group ${groupId}; a partition of which nothing is committed begins at ${start}`,
    `records that retention removed unread: ${onRemoved === 'fail' ? 'the run fails' : 'the log says so, and it goes on'}`,
  ]
}

/** For `millrace doctor`: brokers, credentials, topics and the right to read them, the group, where it stands, the clock. */
export function inspectKafka(driver: KafkaDriver, options: KafkaReading, context: InspectionContext): AsyncIterable<Finding> {
  return inspectCluster(driver, context, async function* (inspector) {
    const found: [topic: string, ranges: readonly OffsetRange[]][] = []
    const topics = await topicsOf(inspector, options)
    for (const topic of topics) {
      try {
        found.push([topic, await inspector.ranges(topic)])
      } catch (error) {
        yield topicFault(topic, error)
      }
    }
    if (topics.length === 0) {
      const cause = `there are: ${
        (await inspector.topics())
          .filter(topic => !topic.startsWith('__'))
          .slice(0, 20)
          .join(', ') || 'none that this user may see'
      }`
      yield { level: 'fault', what: `no topic matches ${options.topics}`, cause, fix: 'make one, or correct topics', kind: 'config' }
    }
    for (const [topic, ranges] of found) yield* inspectReading(inspector, topic, ranges)
    yield* inspectGroup(inspector, found, options, context)
  })
}

/** What is wrong with a topic that cannot be looked at. */
export function topicFault(topic: string, error: unknown): Finding {
  if (!isMillraceError(error, 'MILL_TOPIC_UNKNOWN')) return refused(`topic ${topic} cannot be looked at`, error)
  const cause = `there are: ${error.details.existing}`
  return { level: 'fault', what: `there is no topic ${topic}`, cause, fix: 'make it, or correct its name', kind: 'config' }
}

async function topicsOf(inspector: Inspector, { topics }: KafkaReading): Promise<readonly string[]> {
  if (!(topics instanceof RegExp)) return topics
  const expression = new RegExp(topics.source, topics.flags.replace(/[gy]/g, ''))
  return (await inspector.topics()).filter(topic => expression.test(topic) && !topic.startsWith('__'))
}

async function* inspectReading(inspector: Inspector, topic: string, ranges: readonly OffsetRange[]): AsyncGenerator<Finding> {
  const records = ranges.reduce((sum, { low, high }) => sum + high - low, 0)
  // One that holds something tells the clock, too.
  const at = ranges.find(({ low, high }) => low < high) ?? ranges[0]
  if (at === undefined) return
  let newest: number | null
  try {
    newest = await inspector.read(topic, at)
  } catch (error) {
    yield refused(`topic ${topic} may not be read`, error)
    return
  }
  yield { level: 'ok', what: `topic ${topic} can be read: ${ranges.length} partitions, offsets of about ${records} records` }
  const ahead = newest === null ? 0 : newest - systemClock.now()
  if (ahead <= MAX_AHEAD_MS) return
  const what = `the newest record of topic ${topic} is ${(ahead / 1000).toFixed(1)} s in the future`
  const cause = 'the clock of the broker, or of who produced it, is ahead of that of this machine'
  yield { level: 'warning', what, cause, fix: 'let all go by the same NTP' }
}

type Ranges = readonly (readonly [topic: string, ranges: readonly OffsetRange[]])[]

async function* inspectGroup(
  inspector: Inspector,
  found: Ranges,
  { groupId, onRemoved }: KafkaReading,
  { ledger }: InspectionContext,
): AsyncGenerator<Finding> {
  try {
    await inspector.mayJoin(groupId)
  } catch (error) {
    yield refused(`consumer group ${groupId} may not be joined`, error)
    return
  }
  const { state, protocolType, protocol, members } = await inspector.group(groupId)
  if (protocolType !== '' && protocolType !== 'consumer') {
    const cause = `its members speak ${protocolType}`
    yield { level: 'fault', what: `group ${groupId} is not of consumers`, cause, fix: 'take another groupId', kind: 'config' }
  } else if (members > 0 && protocol !== '' && protocol !== OUR_PROTOCOL) {
    const cause = `they share out partitions by ${protocol}, we by ${OUR_PROTOCOL}`
    const what = `consumer group ${groupId} has ${members} members of another kind`
    yield { level: 'fault', what, cause, fix: 'take another groupId, or stop them', kind: 'config' }
  } else yield { level: 'ok', what: `consumer group ${groupId} may be joined; it is ${state || 'new'} and has ${members} members` }
  if (found.length > 0) yield* inspectOffsets(inspector, found, { groupId, onRemoved, ledger })
}

/** Where the group stands against what the topics hold. With a ledger that decides, and the group only follows: then it is no fault. */
async function* inspectOffsets(
  inspector: Inspector,
  found: Ranges,
  { groupId, onRemoved, ledger }: Pick<KafkaReading, 'groupId' | 'onRemoved'> & { readonly ledger: boolean },
): AsyncGenerator<Finding> {
  const ranges = new Map(found.flatMap(([topic, all]) => all.map(range => [`${topic}/${range.partition}`, range] as const)))
  const committed = await inspector.committed(
    groupId,
    found.map(([topic]) => topic),
  )
  const says = ledger ? '; the ledger says where to go on' : ''
  for (const { topic, partition, offset } of committed) {
    const range = ranges.get(`${topic}/${partition}`)
    if (range === undefined || (offset >= range.low && offset <= range.high)) continue
    if (offset < range.low) {
      const cause = `retention removed offsets ${offset}…${range.low - 1} before they were read${says}`
      const what = `group ${groupId} stands before the beginning of topic ${topic}, partition ${partition}`
      const fix = "raise the topic's retention; with onRemoved: 'continue' the run goes on without them"
      yield { level: ledger || onRemoved === 'continue' ? 'warning' : 'fault', what, cause, fix }
    } else {
      const what = `group ${groupId} stands behind the end of topic ${topic}, partition ${partition}`
      const cause = `it has committed ${offset}, the partition ends at ${range.high}: the topic was made anew${says}`
      yield { level: ledger ? 'warning' : 'fault', what, cause, fix: 'take another groupId, or reset the offsets of the group' }
    }
  }
}
