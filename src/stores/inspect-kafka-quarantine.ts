import { isMillraceError } from '../core/errors.js'
import type { Finding, InspectionContext } from '../core/inspection.js'
import type { KafkaDriver } from '../drivers/kafka/driver.js'
import { inspectCluster, refused } from '../drivers/kafka/inspect-cluster.js'

/** What the inspection of a quarantine topic goes by. */
export interface QuarantineTopic {
  readonly topic: string
  readonly partition: number
  readonly create: boolean
  readonly groupPrefix: string
  readonly maxMessageBytes: number
}

/** For `millrace doctor`: whether the topic is there, compacted, takes whole entries, and may be written and read. */
export function inspectKafkaQuarantine(driver: KafkaDriver, at: QuarantineTopic, context: InspectionContext): AsyncIterable<Finding> {
  const { topic, partition, create, groupPrefix, maxMessageBytes } = at
  return inspectCluster(driver, context, async function* (inspector) {
    try {
      const range = (await inspector.ranges(topic)).find(found => found.partition === partition)
      await inspector.mayWrite(topic)
      await inspector.read(topic, range!)
      await inspector.mayJoin(`${groupPrefix}-inspection`)
      yield { level: 'ok', what: `topic ${topic} of the quarantine can be written and read` }
    } catch (error) {
      if (!isMillraceError(error, 'MILL_TOPIC_UNKNOWN')) yield refused(`topic ${topic} of the quarantine cannot be used`, error)
      else if (create) yield { level: 'ok', what: `topic ${topic} of the quarantine is made at the first run` }
      else {
        const cause = `there are: ${error.details.existing}`
        const fix = 'make it with cleanup.policy=compact, or set create: true'
        yield { level: 'fault', what: `there is no topic ${topic} for the quarantine`, cause, fix, kind: 'config' }
      }
      return
    }
    const config = await inspector.topicConfig(topic, ['cleanup.policy', 'max.message.bytes'])
    const policy = config?.get('cleanup.policy')
    if (policy !== undefined && policy !== 'compact') {
      const what = `topic ${topic} of the quarantine is not compacted`
      const cause = `its cleanup.policy is ${policy}: retention would remove entries that nobody has looked at`
      yield { level: 'warning', what, cause, fix: `set cleanup.policy=compact on topic ${topic}` }
    }
    const limit = Number(config?.get('max.message.bytes') ?? Number.NaN)
    if (limit < maxMessageBytes) {
      const what = `topic ${topic} of the quarantine takes only messages of ${limit} bytes`
      const cause = 'a larger entry is refused, and a refused entry ends the run'
      yield { level: 'warning', what, cause, fix: `set max.message.bytes=${maxMessageBytes} on topic ${topic}` }
    }
  })
}
