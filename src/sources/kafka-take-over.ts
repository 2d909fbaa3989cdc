import { exponentialBackoff } from '../core/backoff.js'
import { type Clock, delay } from '../core/clock.js'
import { isRetryable } from '../core/retryable.js'
import type { SourceContext } from '../core/source.js'
import type { Admin } from '../drivers/kafka/driver.js'
import { topicIdentity } from './kafka-identity.js'
import type { KafkaPartition } from './kafka-partition.js'
import { type Start, type StartOptions, startsOf } from './kafka-start.js'

/** What a take-over asks of the session. */
export interface TakeOverHost {
  readonly clock: Clock
  readonly context: SourceContext
  readonly start: StartOptions
  admin(): Promise<Admin>
}

/**
 * Takes partitions over in the ledger and finds out where they begin. Asks until the cluster answers, or the partitions are lost.
 *
 * @param topicIds - Asked where there is a ledger: it tells by them a topic made anew.
 * @param ending - Aborted when nobody wants to know any more: rejects then.
 * @throws {MillraceError} What `startsOf` throws, and the ledger's refusals.
 */
export async function takeOver(
  partitions: readonly KafkaPartition[],
  host: TakeOverHost,
  topicIds: () => Promise<ReadonlyMap<string, string>>,
  ending: AbortSignal,
): Promise<ReadonlyMap<KafkaPartition, Start>> {
  const { context, start } = host
  const patiently = async <T>(ask: () => Promise<T>): Promise<T | null> => {
    for (let backoff = exponentialBackoff(); ; backoff = backoff.next()) {
      if (partitions.every(({ isLost }) => isLost)) return null
      try {
        return await ask()
      } catch (error) {
        if (!isRetryable(error)) throw error
        context.log.warn('the cluster does not say where partitions begin; asking again', { error: String(error) })
      }
      await delay(host.clock, backoff.delayMs, ending)
    }
  }
  const ids = context.ledger ? await patiently(topicIds) : null
  const ledgerAt = new Map<string, number>()
  await Promise.all(
    partitions.map(async ({ name, topic, isLost }) => {
      if (isLost) return
      const { from } = await context.assigned(
        name,
        topicIdentity({ source: context.source, partition: name }, start.groupId, ids?.get(topic)),
      )
      if (from !== undefined) ledgerAt.set(name, from)
    }),
  )
  const found = await patiently(async () =>
    startsOf(
      await host.admin(),
      partitions.filter(({ isLost }) => !isLost),
      ledgerAt,
      start,
    ),
  )
  return found ?? new Map()
}
