import type { Sink } from 'millrace'
import { BatchError, isRetryable, kafkaSink, MillraceError, silentLog } from 'millrace'
import { sinkBehaviours, testRecords } from 'millrace/testing'
import { describe, expect, it } from 'vitest'
import type { KafkaDriver, OutgoingMessage } from '../../../src/drivers/kafka/driver.js'
import { type KafkaSinkOptions, kafkaSinkOn } from '../../../src/sinks/kafka.js'

/** As much of a cluster as a sink sees. A message above `maxBytes` is refused as the driver does it; while it is away, everything is. */
class FakeCluster {
  readonly log: OutgoingMessage[] = []
  readonly sends: number[] = []
  asked = 0
  closed = 0
  isAway = false
  maxBytes = Number.POSITIVE_INFINITY

  constructor(readonly topics: Record<string, number> = { out: 4 }) {}

  private throwIfAway(doing: string): void {
    if (this.isAway) throw new MillraceError('MILL_KAFKA_AWAY', { cluster: 'fake', doing, reason: 'it is switched off' })
  }

  driver(): KafkaDriver {
    return {
      name: 'fake',
      joinGroup: () => Promise.reject(new Error('a sink joins no group')),
      openAdmin: async () => ({
        topics: async () => Object.keys(this.topics),
        ranges: async topic => {
          this.asked++
          this.throwIfAway('ranges')
          const count = this.topics[topic]
          if (count === undefined) throw new MillraceError('MILL_TOPIC_UNKNOWN', { cluster: 'fake', topic, existing: 'out' })
          return Array.from({ length: count }, (_, partition) => ({ partition, low: 0, high: 0 }))
        },
        offsetsAt: async () => [],
        committed: async () => [],
        createTopic: async () => {},
        close: async () => {},
      }),
      openProducer: async () => ({
        send: async messages => {
          this.throwIfAway('produce')
          this.sends.push(messages.length)
          const index = messages.findIndex(({ value }) => (value?.byteLength ?? 0) > this.maxBytes)
          this.log.push(...(index < 0 ? messages : messages.slice(0, index)))
          if (index < 0) return
          const { topic, value } = messages[index]!
          throw new MillraceError('MILL_MESSAGE_TOO_LARGE', { topic, bytes: value!.byteLength, index })
        },
        close: async () => {
          this.closed++
        },
      }),
    }
  }
}

const sinkOn = <T>(cluster: FakeCluster, options: Partial<KafkaSinkOptions<T>> = {}): Sink<T> =>
  kafkaSinkOn<T>(() => cluster.driver(), { brokers: ['fake:9092'], topic: 'out', ...options })

const opened = <T>(sink: Sink<T>) => sink.open({ pipeline: 'p', log: silentLog, quarantine: 'halt' })
const text = (bytes: Uint8Array | null) => (bytes === null ? null : Buffer.from(bytes).toString())

async function written<T>(cluster: FakeCluster, options: Partial<KafkaSinkOptions<T>>, values: readonly T[], given = {}) {
  const session = await opened(sinkOn<T>(cluster, options))
  const { records } = testRecords(values, given)
  const errors = records.map(record => session.check!(record))
  const good = records.filter((_, i) => errors[i] === undefined)
  let failed: ReadonlyMap<number, unknown> = new Map()
  await session.write({ records: good, failures: [], covers: [] }, new AbortController().signal).catch(error => {
    if (!(error instanceof BatchError)) throw error
    failed = error.failed
  })
  await session.close!()
  return { errors, failed }
}

describe('kafkaSink', () => {
  const options = {
    async prepare() {
      const cluster = new FakeCluster()
      cluster.maxBytes = 2_000
      return {
        sink: () => sinkOn<{ n: number }>(cluster),
        rows: async () => cluster.log.map(({ value }) => JSON.parse(text(value)!)),
        away: async () => {
          cluster.isAway = true
          return async () => {
            cluster.isAway = false
          }
        },
      }
    },
    row: (n: number): { n: number } => ({ n }),
    bad: (n: number) => ({ n, filler: 'x'.repeat(3_000) }),
    goesAway: true,
  }
  for (const { name, run } of sinkBehaviours(options)) it(name, run)

  it('keeps key and headers, and takes bytes, null and anything else as value', async () => {
    const cluster = new FakeCluster()
    const headers = () =>
      [
        ['h', Uint8Array.of(0, 255)],
        ['h', 'again'],
      ] as const
    await written<unknown>(cluster, {}, [Uint8Array.of(1, 0), null, { a: 1 }, 'text'], { key: () => Uint8Array.of(9), headers })
    expect(cluster.log.map(({ value }) => text(value))).toEqual(['\x01\0', null, '{"a":1}', '"text"'])
    expect(cluster.log[0]).toMatchObject({ topic: 'out', key: Uint8Array.of(9) })
    expect(cluster.log[0]!.headers.map(([name, value]) => [name, text(value)])).toEqual([
      ['h', '\0\ufffd'],
      ['h', 'again'],
    ])
    expect(cluster.log[0]).not.toHaveProperty('partition')
  })

  it('maps topic, key, headers, value and partition', async () => {
    const cluster = new FakeCluster({ even: 2, odd: 2 })
    await written<number>(
      cluster,
      {
        topic: value => (value % 2 ? 'odd' : 'even'),
        key: value => `k${value}`,
        headers: (value, record) => new Map([['from', `${record.origin.position}:${value}`]]),
        value: value => (value === 2 ? null : `v${value}`),
        partition: value => value - 1,
      },
      [1, 2],
    )
    const shown = cluster.log.map(({ topic, key, value, partition, headers }) => [
      topic,
      text(key),
      text(value),
      partition,
      text(headers[0]![1]),
    ])
    expect(shown).toEqual([
      ['odd', 'k1', 'v1', 0, '0:1'],
      ['even', 'k2', null, 1, '1:2'],
    ])
    expect(cluster.asked).toBe(2)
  })

  it("keeps the number of the origin's partition", async () => {
    const cluster = new FakeCluster()
    await written<number>(cluster, { partition: 'keep' }, [1], { partition: 'orders/3' })
    await written<number>(cluster, { partition: 'keep' }, [1], { partition: '2' })
    expect(cluster.log.map(({ partition }) => partition)).toEqual([3, 2])
    const { errors } = await written<number>(cluster, { partition: 'keep' }, [1], { partition: 'in/a.ndjson' })
    expect(errors).toMatchObject([{ code: 'MILL_MESSAGE_INVALID' }])
  })

  it.each<[string, Partial<KafkaSinkOptions<never>>, unknown, RegExp]>([
    ['a topic without a name', { topic: () => '' }, 1, /expected its topic to be a name, got ""/],
    ['a key that is a number', { key: () => 7 as never }, 1, /its key to be bytes, text or null, got 7/],
    ['a header that is a number', { headers: () => [['h', 7 as never]] }, 1, /its headers to be bytes or text, got 7/],
    ['a header without a name', { headers: () => [[7 as never, 'x']] }, 1, /its headers to be pairs of a name and a value, got 7/],
    ['a value that JSON leaves out', {}, undefined, /its value to be bytes, null, or what JSON can hold, got undefined/],
    ['a value that JSON refuses', {}, 1n, /its value to be bytes, null, or what JSON can hold, got 1n/],
    ['a partition below zero', { partition: () => -1 }, 1, /its partition to be a whole number from 0 up, got -1/],
  ])('refuses %s, and only that record', async (_, options, value, message) => {
    const { errors } = await written<unknown>(new FakeCluster(), options as Partial<KafkaSinkOptions<unknown>>, [value])
    expect(errors).toMatchObject([{ code: 'MILL_MESSAGE_INVALID', message: expect.stringMatching(message) }])
  })

  it('fails a record whose function throws, with what it threw', async () => {
    const thrown = new Error('no such customer')
    const { errors } = await written<number>(new FakeCluster(), { key: () => { throw thrown } }, [1]) // biome-ignore format: one line
    expect(errors).toEqual([thrown])
  })

  it('refuses what is larger than maxMessageBytes before it is sent, key and headers counted', async () => {
    const cluster = new FakeCluster()
    const { errors } = await written<Uint8Array>(cluster, { maxMessageBytes: 300 }, [new Uint8Array(190), new Uint8Array(210)], {
      key: () => '0123456789',
    })
    expect(errors).toMatchObject([undefined, { code: 'MILL_MESSAGE_TOO_LARGE', details: { topic: 'out' } }].slice(0, 2))
    expect(cluster.log).toHaveLength(1)
  })

  it('names what the broker finds too large, and writes the others once and in order', async () => {
    const cluster = new FakeCluster()
    cluster.maxBytes = 10
    const values = Array.from({ length: 50 }, (_, n) => new Uint8Array(n % 7 === 3 ? 11 : 1).fill(n))
    const { failed } = await written<Uint8Array>(cluster, {}, values)
    const bad = values.flatMap((value, n) => (value.length > 10 ? [n] : []))
    expect([...failed.keys()]).toEqual(bad)
    expect(cluster.log.map(({ value }) => value![0])).toEqual(values.map((_, n) => n).filter(n => !bad.includes(n)))
  })

  it('fails the records of a topic or a partition that is not there, and writes the others', async () => {
    const cluster = new FakeCluster({ out: 2 })
    const { failed } = await written<string>(
      cluster,
      { topic: value => value.split('/')[0]!, partition: value => Number(value.split('/')[1]) },
      ['out/0', 'none/0', 'out/7', 'out/1', 'none/0'],
    )
    expect([...failed].map(([index, error]) => [index, (error as MillraceError).code])).toEqual([
      [1, 'MILL_TOPIC_UNKNOWN'],
      [2, 'MILL_MESSAGE_INVALID'],
      [4, 'MILL_TOPIC_UNKNOWN'],
    ])
    expect(cluster.log.map(({ partition }) => partition)).toEqual([0, 1])
  })

  it('finds partitions that were added since it asked', async () => {
    const cluster = new FakeCluster({ out: 1 })
    const session = await opened(sinkOn<number>(cluster, { partition: value => value }))
    cluster.topics['out'] = 3
    await session.write({ records: testRecords([2]).records, failures: [], covers: [] }, new AbortController().signal)
    expect(cluster.log).toMatchObject([{ partition: 2 }])
  })

  it('opens with an error that names a topic that is not there', async () => {
    const error = await opened(sinkOn(new FakeCluster({}))).catch(error => error)
    expect(error).toMatchObject({ code: 'MILL_TOPIC_UNKNOWN', message: expect.stringContaining('topic out') })
    expect(isRetryable(error)).toBe(false)
  })

  it('refuses wrong options, and shows no password', () => {
    expect(() => kafkaSink({ brokers: [], topic: 'x' })).toThrow(/brokers to be a list of 'host:port'/)
    expect(() => kafkaSink({ brokers: ['a:1'], topic: '' })).toThrow(/topic/)
    expect(() => kafkaSink({ brokers: ['a:1'], topic: 'x', partition: 'random' as never })).toThrow(/partition/)
    const sasl = { mechanism: 'plan', username: 'u', password: 'hunter2' } as never
    expect(() => kafkaSink({ brokers: ['a:1'], topic: 'x', sasl })).toThrow(/^(?!.*hunter2).*mechanism is one of plain/)
  })
})
