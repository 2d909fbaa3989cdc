import { type Clock, systemClock } from '../core/clock.js'
import { type Logger, silentLog } from '../core/log.js'
import type { Source } from '../core/source.js'
import { connectionOf } from '../drivers/kafka/connection.js'
import type { KafkaConnection, KafkaDriver } from '../drivers/kafka/driver.js'
import { openKafka } from '../drivers/kafka/open-kafka.js'
import { describeKafka, inspectKafka } from './kafka-inspect.js'
import { type KafkaReading, type KafkaSourceOptions, resolveKafkaOptions, resolveReading } from './kafka-options.js'
import { KafkaSession } from './kafka-session.js'

/**
 * Reads topics as a member of a consumer group, without end.
 *
 * A record is a message: its bytes (null: a tombstone), key, headers and timestamp as they are. Its partition is `topic/number`, its position
 * the offset. What is settled is committed to the group, never past a hole; with a ledger the sink's database says where a partition goes on,
 * and the group's offsets only follow. A rebalance writes and commits what is in flight first, for at most 5 s; partitions that stay with this
 * member go on without anything coming twice. A broker that is away is waited for. At most what one fetch gave is held outside the window.
 *
 * @throws {MillraceError} `MILL_OPTION_INVALID`, `MILL_OPTION_UNKNOWN` when called. At start `MILL_TOPIC_UNKNOWN`, `MILL_KAFKA_REFUSED`. In the run
 * also `MILL_OFFSETS_REMOVED`, `MILL_OFFSET_OUT_OF_RANGE`, `MILL_LEDGER_AHEAD`, `MILL_LEDGER_SHARED`, `MILL_BATCH_UNREADABLE`, `MILL_CODEC_UNAVAILABLE`.
 */
export function kafkaSource(options: KafkaSourceOptions): Source<Uint8Array | null> {
  const resolved = resolveKafkaOptions(options)
  return sourceOf(resolved, log => openKafka(connectionOf(resolved), log), systemClock)
}

/**
 * `kafkaSource` on a driver of one's own: for tests, and for a second client.
 *
 * @internal
 */
export function kafkaSourceOn(
  driver: KafkaDriver,
  options: Omit<KafkaSourceOptions, keyof KafkaConnection>,
  clock: Clock = systemClock,
): Source<Uint8Array | null> {
  return sourceOf(resolveReading(options), () => driver, clock)
}

function sourceOf(options: KafkaReading, driver: (log: Logger) => KafkaDriver, clock: Clock): Source<Uint8Array | null> {
  return {
    name: options.name,
    commits: 'prefix',
    isShared: true,
    open: async context => KafkaSession.open(driver(context.log), options, context, clock),
    describe: () => describeKafka(driver(silentLog).name, options),
    inspect: context => inspectKafka(driver(silentLog), options, context),
  }
}
