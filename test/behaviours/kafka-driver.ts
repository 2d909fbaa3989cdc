import { expect, it, vi } from 'vitest'
import type {
  GroupHandlers,
  GroupMember,
  GroupOptions,
  KafkaConnection,
  KafkaDriver,
  OutgoingMessage,
  TopicPartition,
} from '../../src/drivers/kafka/driver.js'
import { compacted, type KafkaTools } from '../harness/kafka-tools.js'
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
  /** What each batch asked for. */
  readonly fetched: number[] = []
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
    this.fetched.push(batch.fetchedOffset)
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

  it('gives back what was produced: keys, tombstones, headers in their order with repeats, timestamps, partitions', async () => {
    const topic = await kafka.createTopic(2)
    await produce([
      message(topic, 'one', {
        partition: 1,
        key: bytes('k'),
        headers: [
          ['a', bytes('1')],
          ['b', bytes('2')],
          ['a', bytes('3')],
          ['7', bytes('4')],
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
      expect(one!.headers.map(([name, value]) => `${name}=${value}`)).toEqual(['a=1', 'b=2', 'a=3', '7=4'])
    })
    const [, read] = (await kafka.read(topic)).sort((a, b) => a.partition - b.partition)
    expect(read).toMatchObject({ timestamp: 1_700_000_000_000 })
  })

  const codecs = ['none', 'gzip', 'snappy', 'lz4', 'zstd'] as const
  it.each(codecs)('writes %s so that the broker reads it, and reads what the broker packed anew', async codec => {
    const ofBroker = { none: 'gzip', gzip: 'snappy', snappy: 'lz4', lz4: 'zstd', zstd: 'uncompressed' }[codec]
    const [kept, repacked] = [await kafka.createTopic(), await kafka.createTopic(1, { 'compression.type': ofBroker })]
    // More than one block of xerial's framing (32 KiB) in the one batch.
    const values = Array.from({ length: 300 }, (_, i) => `${i} `.repeat(100))
    await produce(
      [kept, repacked].flatMap(topic => values.map(value => message(topic, value))),
      codec,
    )
    for (const topic of [kept, repacked]) {
      await asMember(groupOptions(kafka.name('group'), [topic]), async watcher => {
        await eventually(() => expect(watcher.seen).toHaveLength(values.length))
        expect(watcher.values).toEqual(values)
      })
    }
  })

  it('passes over control records and what was aborted, and tells where it goes on', async () => {
    const topic = await kafka.createTopic()
    await kafka.produceTransaction(topic, [{ value: 'kept' }])
    await kafka.produceTransaction(topic, [{ value: 'lost' }], 'abort')
    await asMember(groupOptions(kafka.name('group'), [topic]), async watcher => {
      await eventually(() => expect(watcher.next.get(0)).toBe(4))
      expect(watcher.values).toEqual(['kept'])
    })
    const alone = await kafka.createTopic()
    await kafka.produceTransaction(alone, [{ value: 'lost' }], 'abort')
    await asMember(groupOptions(kafka.name('group'), [alone]), async watcher => {
      await eventually(() => expect(watcher.skipped).toContainEqual([0, 2]))
      expect(watcher.seen).toEqual([])
    })
  })

  it('reads on over what compaction removed', async () => {
    const topic = await kafka.createTopic(1, compacted)
    await kafka.produce(
      topic,
      Array.from({ length: 20 }, (_, i) => ({ key: 'same', value: `${i}` })),
    )
    await kafka.compact(topic, 1)
    await asMember(groupOptions(kafka.name('group'), [topic]), async watcher => {
      const end = (await kafka.bounds(topic))[0]!.high
      await eventually(() => expect(watcher.next.get(0)).toBe(end))
      const offsets = watcher.seen.map(({ offset }) => offset)
      expect(offsets[0]).toBe(19)
      expect(offsets).toEqual([...new Set(offsets)].sort((a, b) => a - b))
      expect(watcher.fetched[0]).toBe(0)
    })
  })

  it('commits in one attempt, also before the first batch, and another member goes on there', async () => {
    const topic = await kafka.createTopic()
    await produce(['a', 'b', 'c'].map(value => message(topic, value)))
    const group = kafka.name('group')
    const pausing = new Watcher()
    pausing.onJoin = member => member.pause([{ topic, partition: 0 }])
    const options = groupOptions(group, [topic])
    await asMember(
      options,
      async (watcher, member) => {
        await member.commit([{ topic, partition: 0, offset: 2 }])
        expect(watcher.seen).toEqual([])
      },
      pausing,
    )
    expect(await kafka.committed(group, topic)).toEqual([2])
    await asMember(options, async watcher => {
      await eventually(() => expect(watcher.values).toEqual(['c']))
    })
  })

  it('refuses a commit of a member that has left, as one to be made anew', async () => {
    const topic = await kafka.createTopic()
    const member = await driver().joinGroup(groupOptions(kafka.name('group'), [topic]), new Watcher())
    await member.stop()
    await expect(member.commit([{ topic, partition: 0, offset: 0 }])).rejects.toMatchObject({ code: 'MILL_KAFKA_REFUSED', retryable: true })
  })

  it('obeys a seek and a pause made while it is told of its partitions', async () => {
    const topic = await kafka.createTopic(2)
    await produce([0, 1].flatMap(partition => ['a', 'b', 'c'].map(value => message(topic, value, { partition }))))
    const watcher = new Watcher()
    watcher.onJoin = member => {
      member.seek({ topic, partition: 0, offset: 2 })
      member.pause([{ topic, partition: 1 }])
    }
    await asMember(
      groupOptions(kafka.name('group'), [topic]),
      async (_, member) => {
        await eventually(() => expect(watcher.values).toEqual(['c']))
        member.resume([{ topic, partition: 1 }])
        await eventually(() => expect(watcher.values).toEqual(['c', 'a', 'b', 'c']))
        member.seek({ topic, partition: 0, offset: 1 })
        await eventually(() => expect(watcher.values.slice(4)).toEqual(['b', 'c']))
      },
      watcher,
    )
  })

  it('stays the same member over a rebalance, shares the partitions, and commits in the generation of now', async () => {
    const topic = await kafka.createTopic(2)
    const options = groupOptions(kafka.name('group'), [topic])
    await asMember(options, async (first, member) => {
      expect(first.assignments).toEqual([{ isSameMember: false, partitions: both(topic) }])
      await asMember(options, async second => {
        await eventually(() => expect([first.last, second.last].map(of => of?.partitions.length)).toEqual([1, 1]))
        expect(first.last?.isSameMember).toBe(true)
        expect(first.rebalances).toBeGreaterThan(0)
        await member.commit([{ ...first.last!.partitions[0]!, offset: 0 }])
      })
      await eventually(() => expect(first.last?.partitions).toHaveLength(2))
      expect(first.last?.isSameMember).toBe(true)
      expect(first.crashes).toEqual([])
    })
  })

  it('says whether the group still knows the member', async () => {
    const topic = await kafka.createTopic(2)
    const options = groupOptions(kafka.name('group'), [topic])
    await asMember(options, async (watcher, member) => {
      await member.confirm()
      const held = new Watcher()
      // While it holds a batch it cannot follow a rebalance.
      let isHeld = false
      let mayEnd = false
      watcher.onBatch = async () => {
        isHeld = true
        await until(within, async () => expect(mayEnd).toBe(true))
      }
      await produce([0, 1].map(partition => message(topic, 'x', { partition })))
      await eventually(() => expect(isHeld).toBe(true))
      const joining = driver().joinGroup(options, held)
      await until(within, async () =>
        expect(
          await member.confirm().then(
            () => 'known',
            error => error,
          ),
        ).toMatchObject({ retryable: true }),
      )
      mayEnd = true
      await (await joining).stop()
    })
    const member = await driver().joinGroup(options, new Watcher())
    await member.stop()
    await expect(member.confirm()).rejects.toMatchObject({ code: 'MILL_KAFKA_REFUSED', retryable: true })
  })

  it('tells a topic that was made anew from the one before', async () => {
    const [kept, remade] = [await kafka.createTopic(3), await kafka.createTopic(2)]
    const ids = () => asMember(groupOptions(kafka.name('group'), [kept, remade]), (_, member) => member.topicIds())
    const before = await ids()
    expect([...before.keys()].sort()).toEqual([kept, remade].sort())
    expect([...before.values()].every(id => /^[\w-]{22}$/.test(id))).toBe(true)
    await kafka.deleteTopic(remade)
    await until(within, async () => void (await kafka.createTopic(1, {}, remade)))
    const after = await ids()
    expect(after.get(kept)).toBe(before.get(kept))
    expect(after.get(remade)).not.toBe(before.get(remade))
  })

  it('gives what was not resolved again, after a rebalance too', async () => {
    const topic = await kafka.createTopic()
    await produce([message(topic, 'again')])
    const watcher = new Watcher()
    watcher.onBatch = async (batch, control) => {
      watcher.seen.push(...batch.messages.map(({ offset }) => ({ partition: 0, offset, key: null, value: null, headers: [] })))
      if (watcher.seen.length > 2) control.resolve(batch.nextOffset)
    }
    await asMember(groupOptions(kafka.name('group'), [topic]), () => eventually(() => expect(watcher.seen).toHaveLength(3)), watcher)
  })

  it('reads from the beginning where the offset of the group is out of range, and leaves that as it is', async () => {
    const topic = await kafka.createTopic()
    await produce(['a', 'b', 'c'].map(value => message(topic, value)))
    await kafka.deleteRecords(topic, 0, 1)
    for (const offset of [0, 99]) {
      const group = kafka.name('group')
      await kafka.commit(group, topic, 0, offset)
      await asMember(groupOptions(group, [topic]), async watcher => {
        await eventually(() => expect(watcher.values).toEqual(['b', 'c']))
        expect(await kafka.committed(group, topic)).toEqual([offset])
      })
    }
  })

  it('stops at once, whatever the broker still waits for', async () => {
    const topic = await kafka.createTopic()
    const group = kafka.name('group')
    const member = await driver().joinGroup(groupOptions(group, [topic], { maxWaitMs: 8_000 }), new Watcher())
    // The first fetch is on its way when this is answered.
    await kafka.bounds(topic)
    const begun = performance.now()
    await member.stop()
    expect(performance.now() - begun).toBeLessThan(4_000)
    // It has left: another joins without waiting for the session to end.
    await asMember(groupOptions(group, [topic]), async watcher => expect(watcher.last?.partitions).toHaveLength(1))
  })

  it('joins all topics that an expression matches', async () => {
    const prefix = kafka.name('match')
    for (const name of ['a', 'b']) await kafka.createTopic(1, {}, `${prefix}-${name}`)
    await asMember(groupOptions(kafka.name('group'), new RegExp(`^${prefix}-`)), async (watcher, member) => {
      expect(member.topics).toEqual([`${prefix}-a`, `${prefix}-b`])
      expect(watcher.last?.partitions).toHaveLength(2)
    })
    await expect(driver().joinGroup(groupOptions('g', new RegExp(`^${prefix}$`)), new Watcher())).rejects.toMatchObject({
      code: 'MILL_TOPIC_UNKNOWN',
    })
  })

  it('does next to nothing while there is nothing', async () => {
    const topic = await kafka.createTopic()
    await asMember(groupOptions(kafka.name('group'), [topic], { maxWaitMs: 500 }), async watcher => {
      await eventually(() => expect(watcher.fetches).toBeGreaterThan(1))
      const timers = vi.spyOn(globalThis, 'setTimeout')
      try {
        const before = watcher.fetches
        await eventually(() => expect(watcher.fetches).toBeGreaterThan(before + 3))
        // The harness's own polling is among them; without the mend kafkajs alone sets some 2,000 a second.
        expect(timers.mock.calls.length).toBeLessThan(400)
      } finally {
        timers.mockRestore()
      }
    })
  })

  it('says that a topic is not there, and which are', async () => {
    const topic = await kafka.createTopic()
    const missing = kafka.name('missing')
    const expected = { code: 'MILL_TOPIC_UNKNOWN', retryable: false, details: { topic: missing } }
    await expect(driver().joinGroup(groupOptions('g', [topic, missing]), new Watcher())).rejects.toMatchObject(expected)
    await expect(produce([message(missing, 'x')])).rejects.toMatchObject({ code: 'MILL_TOPIC_UNKNOWN', retryable: false })
    const admin = await driver().openAdmin()
    try {
      await expect(admin.ranges(missing)).rejects.toMatchObject(expected)
    } finally {
      await admin.close()
    }
  })

  it('says that nothing listens at an address', async () => {
    const brokers = ['127.0.0.1:1']
    const expected = {
      code: 'MILL_KAFKA_AWAY',
      retryable: true,
      message: expect.stringMatching(/127\.0\.0\.1:1 cannot be reached: .*ECONNREFUSED.*check brokers/),
    }
    await expect(driver({ brokers }).openAdmin()).rejects.toMatchObject(expected)
    await expect(driver({ brokers }).openProducer({ compression: 'none', requestTimeoutMs: 5_000 })).rejects.toMatchObject(expected)
    await expect(driver({ brokers }).joinGroup(groupOptions('g', ['t']), new Watcher())).rejects.toMatchObject(expected)
  })

  it('says that a broker takes no TLS', async () => {
    const error = await driver({ ssl: true })
      .openAdmin()
      .then(undefined, of => of)
    expect(error.message).toMatch(/ssl/)
  })

  it('answers about topics, offsets and groups', async () => {
    const admin = await driver().openAdmin()
    try {
      const topic = kafka.name('made')
      await admin.createTopic(topic, { partitions: 2, config: { 'retention.ms': '-1' } })
      await admin.createTopic(topic, { partitions: 2 })
      expect(await admin.topics()).toContain(topic)
      await produce([1_000, 2_000, 3_000].map(timestamp => message(topic, 'x', { partition: 1, timestamp })))
      await kafka.deleteRecords(topic, 1, 1)
      expect(await admin.ranges(topic)).toEqual([
        { partition: 0, low: 0, high: 0 },
        { partition: 1, low: 1, high: 3 },
      ])
      expect(await admin.offsetsAt(topic, 2_500)).toEqual([
        { partition: 0, offset: 0 },
        { partition: 1, offset: 2 },
      ])
      expect(await admin.offsetsAt(topic, 9_000)).toEqual([
        { partition: 0, offset: 0 },
        { partition: 1, offset: 3 },
      ])
      const group = kafka.name('group')
      expect(await admin.committed(group, [topic])).toEqual([])
      await kafka.commit(group, topic, 1, 2)
      expect(await admin.committed(group, [topic])).toEqual([{ topic, partition: 1, offset: 2 }])
    } finally {
      await admin.close()
    }
  })

  it('picks partitions by key as Java does, or as it is told', async () => {
    const topic = await kafka.createTopic(8)
    const keys = Array.from({ length: 20 }, (_, i) => `key-${i}`)
    await produce(keys.map(key => message(topic, 'ours', { key: bytes(key) })))
    await kafka.produce(
      topic,
      keys.map(key => ({ key, value: 'theirs' })),
    )
    const found = new Map<string, Set<number>>()
    for (const { key, partition } of await kafka.read(topic)) found.set(`${key}`, (found.get(`${key}`) ?? new Set()).add(partition))
    expect([...found.values()].map(({ size }) => size)).toEqual(keys.map(() => 1))

    const other = await kafka.createTopic(3)
    const producer = await driver().openProducer({
      compression: 'none',
      requestTimeoutMs: 10_000,
      partitioner: ({ value }, partitions) => Number(Buffer.from(value!).toString()) % partitions,
    })
    await producer.send(['0', '1', '5'].map(value => message(other, value)))
    await producer.close()
    expect((await kafka.read(other)).map(({ partition, value }) => [partition, `${value}`])).toEqual([
      [0, '0'],
      [1, '1'],
      [2, '5'],
    ])
  })

  it('takes batches larger than a request, and keeps their order', async () => {
    const topic = await kafka.createTopic()
    const values = Array.from({ length: 30 }, (_, i) => `${i}:`.padEnd(100_000, 'x'))
    await produce(values.map(value => message(topic, value)))
    expect((await kafka.read(topic)).map(({ value }) => `${value}`)).toEqual(values)
  })

  it('tells which message is too large, has what stands before it, and goes on', async () => {
    const topic = await kafka.createTopic(1, { 'max.message.bytes': '2000' })
    const producer = await driver().openProducer({ compression: 'none', requestTimeoutMs: 10_000 })
    const given = ['a', 'b', 'c'.repeat(5_000), 'd'].map(value => message(topic, value))
    await expect(producer.send(given)).rejects.toMatchObject({
      code: 'MILL_MESSAGE_TOO_LARGE',
      retryable: false,
      details: { topic, index: 2 },
    })
    await producer.send(given.slice(3))
    await producer.close()
    expect((await kafka.read(topic)).map(({ value }) => `${value}`)).toEqual(['a', 'b', 'd'])
  })

  it('sends one after the other what is sent at once', async () => {
    const topic = await kafka.createTopic()
    const producer = await driver().openProducer({ compression: 'none', requestTimeoutMs: 10_000 })
    await Promise.all(['a', 'b', 'c'].map(value => producer.send([message(topic, value)])))
    await producer.close()
    expect((await kafka.read(topic)).map(({ value }) => `${value}`)).toEqual(['a', 'b', 'c'])
    await expect(producer.send([message(topic, 'late')])).rejects.toThrow('closed')
  })
}

const both = (topic: string) => [0, 1].map(partition => ({ topic, partition }))
