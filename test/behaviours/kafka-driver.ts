import { expect, it } from 'vitest'
import type {
  GroupHandlers,
  GroupMember,
  GroupOptions,
  KafkaConnection,
  KafkaDriver,
  OutgoingMessage,
  TopicPartition,
} from '../../src/drivers/kafka/driver.js'
import type { KafkaTools } from '../harness/kafka-tools.js'
import { until } from '../harness/servers/server.js'

/** A driver to be tested, and the cluster it is tested on. */
export interface DriverWorld {
  readonly kafka: KafkaTools
  driver(more?: Partial<KafkaConnection>): KafkaDriver
}

const bytes = (text: string) => Buffer.from(text)
const message = (topic: string, value: string | null, more: Partial<OutgoingMessage> = {}): OutgoingMessage => ({
  topic,
  key: null,
  value: value === null ? null : bytes(value),
  headers: [],
  ...more,
})

const groupOptions = (groupId: string, topics: readonly string[] | RegExp, more: Partial<GroupOptions> = {}): GroupOptions => ({
  groupId,
  topics,
  sessionTimeoutMs: 10_000,
  rebalanceTimeoutMs: 10_000,
  heartbeatIntervalMs: 300,
  maxBytesPerPartition: 1_048_576,
  maxBytes: 10_485_760,
  maxWaitMs: 100,
  partitionsConcurrently: 4,
  ...more,
})

interface Seen {
  readonly partition: number
  readonly offset: number
  readonly value: string | null
  readonly key: string | null
  readonly headers: readonly (readonly [string, string])[]
}

/** A member that takes all that comes, and notes it. */
class Watcher implements GroupHandlers {
  readonly seen: Seen[] = []
  readonly skipped: [number, number][] = []
  readonly assignments: { readonly partitions: readonly TopicPartition[]; readonly isSameMember: boolean }[] = []
  readonly crashes: Error[] = []
  /** Where each partition is read on. */
  readonly next = new Map<number, number>()
  rebalances = 0
  fetches = 0
  member: GroupMember | undefined
  onJoin: (member: GroupMember) => void = () => {}

  onAssigned: GroupHandlers['onAssigned'] = (partitions, isSameMember, member) => {
    this.assignments.push({ partitions, isSameMember })
    this.onJoin(member)
  }
  onRebalancing = () => {
    this.rebalances++
  }
  onBatch: GroupHandlers['onBatch'] = async (batch, control) => {
    for (const { offset, key, value, headers } of batch.messages) {
      if (!control.isLive()) return
      this.seen.push({
        partition: batch.partition,
        offset,
        key: key === null ? null : Buffer.from(key).toString(),
        value: value === null ? null : Buffer.from(value).toString(),
        headers: headers.map(([name, content]) => [name, Buffer.from(content).toString()] as const),
      })
    }
    control.resolve(batch.nextOffset)
    this.next.set(batch.partition, batch.nextOffset)
    await control.heartbeat()
  }
  onSkipped: GroupHandlers['onSkipped'] = ({ partition }, nextOffset) => {
    this.skipped.push([partition, nextOffset])
    this.next.set(partition, nextOffset)
  }
  onFetched = () => {
    this.fetches++
  }
  onCrashed = (error: Error) => {
    this.crashes.push(error)
  }

  get values() {
    return this.seen.map(({ value }) => value)
  }
  get last() {
    return this.assignments.at(-1)
  }
}

const within = 20_000
async function eventually(check: () => void): Promise<void> {
  await until(within, async () => check())
}

/** What every {@link KafkaDriver} does, on a real cluster. */
export function describeKafkaDriver({ kafka, driver }: DriverWorld): void {
  const asMember = async <T>(
    options: GroupOptions,
    use: (watcher: Watcher, member: GroupMember) => Promise<T>,
    watcher = new Watcher(),
  ): Promise<T> => {
    const member = await driver().joinGroup(options, watcher)
    try {
      return await use(watcher, member)
    } finally {
      await member.stop()
    }
  }
  const produce = async (messages: readonly OutgoingMessage[], compression: 'none' | 'gzip' | 'snappy' | 'lz4' | 'zstd' = 'none') => {
    const producer = await driver().openProducer({ compression, requestTimeoutMs: 10_000 })
    try {
      await producer.send(messages)
    } finally {
      await producer.close()
    }
  }

  it('gives back what was produced: keys, tombstones, headers that repeat, timestamps, partitions', async () => {
    const topic = await kafka.createTopic(2)
    await produce([
      message(topic, 'one', {
        partition: 1,
        key: bytes('k'),
        headers: [
          ['a', bytes('1')],
          ['b', bytes('2')],
          ['a', bytes('3')],
        ],
        timestamp: 1_700_000_000_000,
      }),
      message(topic, null, { partition: 0, key: bytes('gone') }),
    ])
    await asMember(groupOptions(kafka.name('group'), [topic]), async watcher => {
      await eventually(() => expect(watcher.seen).toHaveLength(2))
      const [tombstone, one] = [...watcher.seen].sort((a, b) => a.partition - b.partition)
      expect(tombstone).toMatchObject({ partition: 0, offset: 0, key: 'gone', value: null, headers: [] })
      expect(one).toMatchObject({ partition: 1, offset: 0, key: 'k', value: 'one' })
      expect(one!.headers.filter(([name]) => name === 'a')).toEqual([
        ['a', '1'],
        ['a', '3'],
      ])
      expect(one!.headers.filter(([name]) => name === 'b')).toEqual([['b', '2']])
    })
    const [, read] = (await kafka.read(topic)).sort((a, b) => a.partition - b.partition)
    expect(read).toMatchObject({ timestamp: 1_700_000_000_000 })
  })
}
