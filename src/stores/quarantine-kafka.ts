import { type Clock, systemClock } from '../core/clock.js'
import { isMillraceError } from '../core/errors.js'
import { silentLog } from '../core/log.js'
import { option, resolveOptions } from '../core/options.js'
import type { Failure, Quarantine, QuarantinedRecord, QuarantineEntry, QuarantineFilter, QuarantineSession } from '../core/quarantine.js'
import { connectionOf, connectionRules } from '../drivers/kafka/connection.js'
import type { Admin, FetchedMessage, KafkaConnection, KafkaDriver, MakeDriver, Producer } from '../drivers/kafka/driver.js'
import { openKafka } from '../drivers/kafka/open-kafka.js'
import { lastOfEach, lastRecordOfEach } from './entry-identity.js'
import { identityOf, isEntryName, nextEntryName } from './entry-names.js'
import { guarded } from './guarded.js'
import { inspectKafkaQuarantine } from './inspect-kafka-quarantine.js'
import { entryOfMessage, messageOfEntry, messageOfRelease } from './kafka-entry.js'
import { type EntryPlace, KafkaEntryIndex } from './kafka-entry-index.js'
import { KafkaEntryReader } from './kafka-entry-reader.js'
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
/** A listing reads the topic once; twice where the entries that are neither released nor replaced are more than this. */
const MAX_KEPT_BYTES = 32 * 1024 * 1024
/** Of how many entries it is remembered where they are. */
const MAX_NOTED = 100_000
/** An entry is at most 1 MiB of the record, and what is said of it. */
const MAX_MESSAGE_BYTES = 4 * 1024 * 1024
const TOPIC_CONFIG = { 'cleanup.policy': 'compact', 'max.message.bytes': `${MAX_MESSAGE_BYTES}` }

/**
 * Keeps failed records in a topic: the bytes as value, the entry's id as key, and in headers error, origin, attempts, and the record's own key and headers.
 *
 * The topic wants `cleanup.policy=compact`: a release writes a tombstone, and compaction then takes the entry away. A record that fails again replaces
 * its entry, under a new id. Listing reads the topic from its beginning, and releasing what no listing of this process has shown; opening and putting read
 * nothing. With 'delete' as policy, retention would remove entries that nobody has looked at.
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
  private readonly reader: KafkaEntryReader
  /** Of open sessions: a release need not open its own then. */
  private readonly producers = new Set<Producer>()
  /** What was read last, and what was written and released here since; null before anything was read. */
  private known: KafkaEntryIndex | null = null

  constructor(
    private readonly driver: KafkaDriver,
    private readonly options: Resolved,
  ) {
    this.reader = new KafkaEntryReader(driver, { ...options, partition: PARTITION }, systemClock)
  }

  /** Reads nothing: that an entry replaces another is seen by who lists them. */
  async open(pipeline: string): Promise<QuarantineSession> {
    await this.withAdmin(admin => this.prepare(admin))
    const producer = await this.openProducer()
    this.producers.add(producer)
    const own = new KafkaEntryIndex()
    return {
      put: failures => this.put(producer, pipeline, failures, own),
      close: async () => {
        if (this.producers.delete(producer)) await producer.close()
      },
    }
  }

  /** @param own - What this session has put. */
  private async put(producer: Producer, pipeline: string, failures: readonly Failure[], own: KafkaEntryIndex): Promise<void> {
    if (failures.length === 0) return
    const { topic, clock } = this.options
    const at = clock.now()
    const last = lastOfEach(pipeline, failures)
    // A replay has only the beginning of a record that was too large to keep: what the first entry knew of the whole goes on.
    if ([...last.values()].some(isBeginning)) await this.knowledge()
    const made = [...last].map(([identity, failure]) => {
      const id = nextEntryName(identity, at)
      const before = [...(this.known?.of(identity) ?? []), ...own.of(identity)]
      const sha256 = failure.rawSha256 ?? (isBeginning(failure) ? before.findLast(place => place.sha256 !== undefined)?.sha256 : undefined)
      const entry = quarantineEntry(failure, { id, pipeline, at })
      return { id, before, sha256, entry: sha256 === undefined ? entry : { ...entry, rawSha256: sha256 } }
    })
    const replaced = new Set(made.flatMap(({ before }) => before.map(({ id }) => id)))
    // The former ones after their successors: a kill between the two leaves both, of which the last counts.
    await producer.send([
      ...made.map(({ entry }) => messageOfEntry(topic, PARTITION, entry)),
      ...[...replaced].map(id => this.releaseOf(id)),
    ])
    for (const id of replaced) this.forget(id, own)
    for (const { id, sha256 } of made) {
      own.note(id, sha256)
      this.known?.note(id, sha256)
    }
    // What is forgotten is at worst replaced without being released, or read once more.
    if (own.size > MAX_NOTED) own.clear()
    if (this.known !== null && this.known.size > MAX_NOTED) this.known = null
  }

  async restore(entries: readonly QuarantinedRecord[]): Promise<void> {
    if (entries.length === 0) return
    const { topic, clock } = this.options
    await this.withAdmin(admin => this.prepare(admin))
    const { index } = await this.read(0)
    const made = [...lastRecordOfEach(entries)].map(([identity, record]) => ({
      ...record,
      id: nextEntryName(identity, clock.now()),
      identity,
    }))
    const replaced = made.flatMap(({ identity }) => index.of(identity).map(({ id }) => id))
    await this.withProducer(producer =>
      producer.send([
        ...made.map(({ identity: _, ...entry }) => messageOfEntry(topic, PARTITION, entry)),
        ...replaced.map(id => this.releaseOf(id)),
      ]),
    )
    this.known = null
  }

  async *list(filter: QuarantineFilter, guard: Guarded): AsyncGenerator<QuarantineEntry> {
    const { index, range } = await guard(() => this.read(MAX_KEPT_BYTES))
    const wanted = new Map<number, EntryPlace>()
    for (const place of index.current().values()) wanted.set(place.offset, place)
    if (wanted.size === 0) return
    const pages = index.hasAll ? pageOf(wanted) : this.reader.read(range)
    try {
      for (;;) {
        const { value: page, done } = await guard(() => pages.next())
        if (done) return
        for (const message of page) {
          const place = wanted.get(message.offset)
          if (place === undefined) continue
          const entry = entryOfMessage(place.id, message)
          if (isWanted(entry, filter)) yield entry
        }
      }
    } finally {
      await pages.return(undefined)
    }
  }

  /** With what the entries have replaced: once the tombstone of an entry is compacted away, nothing would hide that any more. */
  async release(ids: readonly string[]): Promise<void> {
    const own = ids.filter(isEntryName)
    if (own.length === 0) return
    const known = this.known
    const isKnown = (id: string) => known?.of(identityOf(id)).some(place => place.id === id) === true
    const index = own.every(isKnown) ? known! : (await this.read(0)).index
    const gone = own.flatMap(id => {
      const places = index.of(identityOf(id))
      return [...places.slice(0, places.findIndex(place => place.id === id) + 1).map(place => place.id), id]
    })
    await this.withProducer(producer => producer.send([...new Set(gone)].map(id => this.releaseOf(id))))
    for (const id of own) this.forget(id)
  }

  private forget(id: string, own?: KafkaEntryIndex): void {
    this.known?.release(identityOf(id), id)
    own?.release(identityOf(id), id)
  }

  private async knowledge(): Promise<void> {
    if (this.known === null) await this.read(0)
  }

  private async read(keepBytes: number): Promise<Awaited<ReturnType<KafkaEntryReader['index']>>> {
    const found = await this.reader.index(keepBytes)
    this.known = found.index.withoutMessages()
    return found
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

const isBeginning = ({ raw, rawBytes, rawSha256 }: Failure): boolean => rawSha256 === undefined && rawBytes > raw.byteLength

/** In the order in which they stand in the topic. */
async function* pageOf(places: ReadonlyMap<number, EntryPlace>): AsyncGenerator<readonly FetchedMessage[]> {
  yield [...places.values()].sort((a, b) => a.offset - b.offset).map(({ message }) => message!)
}
