import { randomUUID } from 'node:crypto'
import { type Clock, systemClock } from '../core/clock.js'
import { isMillraceError } from '../core/errors.js'
import { silentLog } from '../core/log.js'
import { option, resolveOptions } from '../core/options.js'
import type { Failure, Quarantine, QuarantinedRecord, QuarantineEntry, QuarantineFilter, QuarantineSession } from '../core/quarantine.js'
import { connectionOf, connectionRules } from '../drivers/kafka/connection.js'
import type { Admin, FetchedMessage, KafkaConnection, KafkaDriver, MakeDriver, OffsetRange, Producer } from '../drivers/kafka/driver.js'
import { openKafka } from '../drivers/kafka/open-kafka.js'
import { readRange } from '../drivers/kafka/read-range.js'
import { lastOfEach, lastRecordOfEach } from './entry-identity.js'
import { isEntryName, nextEntryName } from './entry-names.js'
import { guarded } from './guarded.js'
import { inspectKafkaQuarantine } from './inspect-kafka-quarantine.js'
import { entryOfMessage, messageOfEntry, messageOfRelease } from './kafka-entry.js'
import { type EntryPlace, KafkaEntryIndex } from './kafka-entry-index.js'
import { isWanted, quarantineEntry } from './quarantine-entry.js'

/** Options of {@link kafkaQuarantine}. */
export interface KafkaQuarantineOptions extends KafkaConnection {
  /** Wants `cleanup.policy=compact` and `max.message.bytes` of 4 MiB. Only its partition 0 is used. */
  readonly topic: string
  /** Makes the topic, with these settings, where it is missing. Default false. */
  readonly create?: boolean
  /** Groups by which it is read have this name, a dash and something random; they commit nothing. With ACLs: Read on the prefix. Default `'millrace-quarantine'`. */
  readonly groupPrefix?: string
  /** How long a broker may take to answer one request. ms, default 10,000. */
  readonly requestTimeoutMs?: number
  /** Says when an entry came. Default: the machine's clock. */
  readonly clock?: Clock
}

type Resolved = Required<Omit<KafkaQuarantineOptions, 'ssl' | 'sasl'>> & Pick<KafkaQuarantineOptions, 'ssl' | 'sasl'>

const PARTITION = 0
/** A topic that holds no more than this is read once a listing, a larger one twice. */
const MAX_KEPT_BYTES = 8 * 1024 * 1024
/** An entry is at most 1 MiB of the record, and what is said of it. */
const MAX_MESSAGE_BYTES = 4 * 1024 * 1024
const TOPIC_CONFIG = { 'cleanup.policy': 'compact', 'max.message.bytes': `${MAX_MESSAGE_BYTES}` }

/**
 * Keeps failed records in a topic: the bytes as value, the entry's id as key, and in headers error, origin, attempts, and the record's own key and headers.
 *
 * The topic wants `cleanup.policy=compact`: a release writes a tombstone, and compaction then takes the entry away. A record that fails again replaces
 * its entry, under a new id. Opening and listing read the topic from its beginning: made for the few that fail. With 'delete' as policy, retention
 * would remove entries that nobody has looked at.
 *
 * @throws {MillraceError} `MILL_OPTION_INVALID`, `MILL_OPTION_UNKNOWN` when called. In use `MILL_KAFKA_AWAY` (waited for), else `MILL_STORE_FAILED`: the
 * topic is missing, a right is, or an entry is larger than the topic takes.
 */
export function kafkaQuarantine(options: KafkaQuarantineOptions): Quarantine {
  return kafkaQuarantineOn(openKafka, options)
}

/**
 * {@link kafkaQuarantine} on another client of Kafka.
 * @internal
 */
export function kafkaQuarantineOn(makeDriver: MakeDriver, options: KafkaQuarantineOptions): Quarantine {
  const resolved = resolveOptions<KafkaQuarantineOptions>('kafkaQuarantine', options, {
    ...connectionRules,
    topic: option.text(),
    create: option.boolean({ default: false }),
    groupPrefix: option.text({ default: 'millrace-quarantine' }),
    requestTimeoutMs: option.wholeNumber(1, { default: 10_000 }),
    clock: option.object('a Clock', { default: systemClock }),
  }) as Resolved
  const store = new KafkaStore(makeDriver(connectionOf(resolved), silentLog), resolved)
  const name = `quarantine in topic ${resolved.topic}`
  return {
    name,
    open: async ({ pipeline }) => {
      const session = await guarded(name, 'open', () => store.open(pipeline))
      return { ...session, put: failures => guarded(name, 'put', () => session.put(failures)) }
    },
    list: filter => store.list(filter ?? {}, work => guarded(name, 'list', work)),
    release: ids => guarded(name, 'release', () => store.release(ids)),
    describe: () => [`topic ${resolved.topic} of Kafka ${resolved.brokers.join(',')}`],
    inspect: context => {
      const at = { topic: resolved.topic, partition: PARTITION, create: resolved.create, groupPrefix: resolved.groupPrefix }
      const driver = makeDriver(connectionOf(resolved), silentLog)
      return inspectKafkaQuarantine(driver, { ...at, maxMessageBytes: MAX_MESSAGE_BYTES }, context)
    },
    restore: entries => guarded(name, 'restore', () => store.restore(entries)),
  }
}

type Guarded = <T>(work: () => Promise<T>) => Promise<T>

class KafkaStore {
  /** Of open sessions: a release need not open its own then. */
  private readonly producers = new Set<Producer>()

  constructor(
    private readonly driver: KafkaDriver,
    private readonly options: Resolved,
  ) {}

  async open(pipeline: string): Promise<QuarantineSession> {
    await this.withAdmin(admin => this.prepare(admin))
    const { index } = await this.readIndex(0)
    const producer = await this.openProducer()
    try {
      // By a kill, or by two processes that met the same record.
      await producer.send(index.replaced().map(({ id }) => this.releaseOf(id)))
    } catch (error) {
      await producer.close()
      throw error
    }
    this.producers.add(producer)
    const current = index.current()
    return {
      put: failures => this.put(producer, pipeline, failures, current),
      close: async () => {
        if (this.producers.delete(producer)) await producer.close()
      },
    }
  }

  /** @param current - By identity its entry, as far as this session knows. */
  private async put(producer: Producer, pipeline: string, failures: readonly Failure[], current: Map<string, EntryPlace>): Promise<void> {
    if (failures.length === 0) return
    const { topic, clock } = this.options
    const at = clock.now()
    const made = [...lastOfEach(pipeline, failures)].map(([identity, failure]) => {
      const id = nextEntryName(identity, at)
      // A replay has only the beginning of a record that was too large to keep: what the first entry knew of the whole goes on.
      const sha256 = failure.rawSha256 ?? (failure.rawBytes > failure.raw.byteLength ? current.get(identity)?.sha256 : undefined)
      const entry = quarantineEntry(failure, { id, pipeline, at })
      return { identity, id, sha256, entry: sha256 === undefined ? entry : { ...entry, rawSha256: sha256 } }
    })
    const replaced = made.flatMap(({ identity }) => current.get(identity)?.id ?? [])
    // The former ones after their successors: a kill between the two leaves both, of which the last counts.
    await producer.send([...made.map(({ entry }) => messageOfEntry(topic, PARTITION, entry)), ...replaced.map(id => this.releaseOf(id))])
    for (const { identity, id, sha256 } of made) current.set(identity, { id, offset: 0, sha256 })
  }

  async restore(entries: readonly QuarantinedRecord[]): Promise<void> {
    if (entries.length === 0) return
    const { topic, clock } = this.options
    await this.withAdmin(admin => this.prepare(admin))
    const current = (await this.readIndex(0)).index.current()
    const made = [...lastRecordOfEach(entries)].map(([identity, record]) => ({
      ...record,
      id: nextEntryName(identity, clock.now()),
      identity,
    }))
    const replaced = made.flatMap(({ identity }) => current.get(identity)?.id ?? [])
    await this.withProducer(producer =>
      producer.send([
        ...made.map(({ identity: _, ...entry }) => messageOfEntry(topic, PARTITION, entry)),
        ...replaced.map(id => this.releaseOf(id)),
      ]),
    )
  }

  async *list(filter: QuarantineFilter, guard: Guarded): AsyncGenerator<QuarantineEntry> {
    const { index, kept, range } = await guard(() => this.readIndex(MAX_KEPT_BYTES))
    const wanted = new Map<number, string>()
    for (const { id, offset } of index.current().values()) wanted.set(offset, id)
    if (wanted.size === 0) return
    const pages = kept === null ? this.read(range) : pageOf(kept)
    try {
      for (;;) {
        const { value: page, done } = await guard(() => pages.next())
        if (done) return
        for (const message of page) {
          const id = wanted.get(message.offset)
          if (id === undefined) continue
          const entry = entryOfMessage(id, message)
          if (isWanted(entry, filter)) yield entry
        }
      }
    } finally {
      await pages.return(undefined)
    }
  }

  async release(ids: readonly string[]): Promise<void> {
    const own = ids.filter(isEntryName)
    if (own.length === 0) return
    await this.withProducer(producer => producer.send(own.map(id => this.releaseOf(id))))
  }

  /** One of an open session, else one for this use. */
  private async withProducer(use: (producer: Producer) => Promise<void>): Promise<void> {
    const [shared] = this.producers
    const producer = shared ?? (await this.openProducer())
    try {
      await use(producer)
    } finally {
      if (shared === undefined) await producer.close()
    }
  }

  /** What is there now. `kept`: the messages themselves, where they are no more than `keepBytes`. */
  private async readIndex(keepBytes: number) {
    const range = await this.withAdmin(admin => this.rangeOf(admin))
    const index = new KafkaEntryIndex()
    let kept: FetchedMessage[] | null = []
    let bytes = 0
    for await (const messages of this.read(range)) {
      for (const message of messages) {
        index.add(message)
        bytes += sizeOf(message)
        if (bytes > keepBytes) kept = null
        kept?.push(message)
      }
    }
    return { index, kept, range }
  }

  private read({ low, high }: OffsetRange): AsyncGenerator<readonly FetchedMessage[]> {
    const { topic, groupPrefix } = this.options
    return readRange(this.driver, { topic, partition: PARTITION, from: low, to: high }, `${groupPrefix}-${randomUUID()}`)
  }

  /** Empty where the topic is missing and is made by the next that opens it. */
  private async rangeOf(admin: Admin): Promise<OffsetRange> {
    const { topic, create } = this.options
    try {
      return (await admin.ranges(topic)).find(({ partition }) => partition === PARTITION)!
    } catch (error) {
      if (create && isMillraceError(error, 'MILL_TOPIC_UNKNOWN')) return { partition: PARTITION, low: 0, high: 0 }
      throw error
    }
  }

  private async prepare(admin: Admin): Promise<void> {
    const { topic, create } = this.options
    try {
      await admin.ranges(topic)
    } catch (error) {
      if (!create || !isMillraceError(error, 'MILL_TOPIC_UNKNOWN')) throw error
      await admin.createTopic(topic, { partitions: 1, config: TOPIC_CONFIG })
    }
  }

  private openProducer(): Promise<Producer> {
    return this.driver.openProducer({ compression: 'none', requestTimeoutMs: this.options.requestTimeoutMs })
  }

  private releaseOf(id: string) {
    return messageOfRelease(this.options.topic, PARTITION, id)
  }

  private async withAdmin<T>(use: (admin: Admin) => Promise<T>): Promise<T> {
    const admin = await this.driver.openAdmin()
    try {
      return await use(admin)
    } finally {
      await admin.close()
    }
  }
}

async function* pageOf(messages: readonly FetchedMessage[]): AsyncGenerator<readonly FetchedMessage[]> {
  yield messages
}

function sizeOf({ value, headers }: FetchedMessage): number {
  let bytes = value?.byteLength ?? 0
  for (const [, content] of headers) bytes += content.byteLength
  return bytes
}
