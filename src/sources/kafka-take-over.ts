import { exponentialBackoff } from '../core/backoff.js'
import { type Clock, delay } from '../core/clock.js'
import { isRetryable } from '../core/retryable.js'
import type { SourceContext } from '../core/source.js'
import type { Admin } from '../drivers/kafka/driver.js'
import { groupIdentity } from './kafka-identity.js'
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
 * @param ending - Aborted when nobody wants to know any more: rejects then.
 * @throws {MillraceError} What `startsOf` throws, and the ledger's refusals.
 */
export async function takeOver(
  partitions: readonly KafkaPartition[],
  host: TakeOverHost,
  ending: AbortSignal,
): Promise<ReadonlyMap<KafkaPartition, Start>> {
  const { context, start } = host
  const ledgerAt = new Map<string, number>()
  await Promise.all(
    partitions.map(async ({ name }) => {
      const { from } = await context.assigned(name, groupIdentity(context.source, name, start.groupId))
      if (from !== undefined) ledgerAt.set(name, from)
    }),
  )
  for (let backoff = exponentialBackoff(); ; backoff = backoff.next()) {
    const wanted = partitions.filter(({ isLost }) => !isLost)
    if (wanted.length === 0) return new Map()
    try {
      return await startsOf(await host.admin(), wanted, ledgerAt, start)
    } catch (error) {
      if (!isRetryable(error)) throw error
      context.log.warn('the cluster does not say where partitions begin; asking again', { error: String(error) })
    }
    await delay(host.clock, backoff.delayMs, ending)
  }
}
