import { isMillraceError } from '../../core/errors.js'
import type { Finding, InspectionContext } from '../../core/inspection.js'
import type { KafkaDriver } from '../../drivers/kafka/driver.js'
import { inspectCluster, refused } from '../../drivers/kafka/inspect-cluster.js'

/** For `millrace doctor`: whether the topic is there, may be written, and takes messages as large as the sink gives. */
export function inspectKafkaSink(
  driver: KafkaDriver,
  { topic, maxMessageBytes }: { readonly topic: unknown; readonly maxMessageBytes: number },
  context: InspectionContext,
): AsyncIterable<Finding> {
  return inspectCluster(driver, context, async function* (inspector) {
    if (typeof topic !== 'string') {
      yield { level: 'ok', what: 'topics are named record by record: none can be asked for' }
      return
    }
    try {
      await inspector.ranges(topic)
    } catch (error) {
      if (isMillraceError(error, 'MILL_TOPIC_UNKNOWN')) {
        const cause = `there are: ${error.details.existing}`
        yield { level: 'fault', what: `there is no topic ${topic}`, cause, fix: 'make it, or correct its name', kind: 'config' }
      } else yield refused(`topic ${topic} cannot be looked at`, error)
      return
    }
    try {
      await inspector.mayWrite(topic)
    } catch (error) {
      yield refused(`topic ${topic} may not be written`, error)
      return
    }
    yield { level: 'ok', what: `topic ${topic} can be written` }
    const limit = Number((await inspector.topicConfig(topic, ['max.message.bytes']))?.get('max.message.bytes') ?? Number.NaN)
    if (!(limit < maxMessageBytes)) return
    const what = `topic ${topic} takes messages of ${limit} bytes, maxMessageBytes is ${maxMessageBytes}`
    const fix = 'lower maxMessageBytes, so that only such records fail, or raise max.message.bytes of the topic'
    yield { level: 'warning', what, cause: 'a batch with a larger message is refused, and searched for it', fix }
  })
}
