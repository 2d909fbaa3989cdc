import {
  definePipeline,
  kafkaQuarantine,
  kafkaSink,
  kafkaSource,
  memorySink,
  type QuarantineEntry,
  quarantinedSource,
  transform,
} from 'millrace'
import { quarantineBehaviours } from 'millrace/testing'
import { expect, it } from 'vitest'
import type { MakeDriver } from '../../src/drivers/kafka/driver.js'
import { openKafka } from '../../src/drivers/kafka/open-kafka.js'
import { kafkaQuarantineOn } from '../../src/stores/quarantine-kafka.js'
import { describeKafka, withKafka } from '../harness/kafka.js'

describeKafka('kafkaQuarantine does what a quarantine must', () => {
  const kafka = withKafka()
  const prepare = async () => {
    const topic = kafka.name('quarantine')
    return { quarantine: () => kafkaQuarantine({ brokers: kafka.brokers, topic, create: true }) }
  }
  for (const { name, run } of quarantineBehaviours({ prepare })) it(name, run)
})

async function listed(quarantine: ReturnType<typeof kafkaQuarantine>): Promise<QuarantineEntry[]> {
  const entries: QuarantineEntry[] = []
  for await (const entry of quarantine.list()) entries.push(entry)
  return entries
}

describeKafka('kafkaQuarantine', () => {
  const kafka = withKafka()

  it('topic → quarantine → topic gives the same bytes, keys and repeats of headers', async () => {
    const [from, to] = [await kafka.createTopic(2), await kafka.createTopic(2)]
    await kafka.produce(from, [
      { partition: 0, key: Buffer.from([0, 255]), value: Buffer.from([1, 0, 254]), headers: { h: ['1', Buffer.from([255]), '1'], 'millrace-entry': 'mine', 'millrace-stage': ['x', ''] } },
      { partition: 1, key: null, value: 'text' },
      { partition: 1, key: 'gone', value: null, headers: { t: 'tombstone' } },
    ]) // biome-ignore format: three messages
    const quarantine = kafkaQuarantine({ brokers: kafka.brokers, topic: kafka.name('quarantine'), create: true })
    const failing = definePipeline({
      name: 'failing',
      source: kafkaSource({ brokers: kafka.brokers, topics: [from], groupId: kafka.name('group') }),
      steps: records =>
        records.pipe(
          transform((value: Uint8Array | null): string => {
            throw new Error(`refused: ${value?.byteLength}`)
          }),
        ),
      sink: memorySink<string>(),
      onFailure: quarantine,
    }).start()
    await expect.poll(() => failing.snapshot().quarantined, { timeout: 30_000 }).toBe(3)
    await failing.stop()
    const again = definePipeline({
      name: 'again',
      source: quarantinedSource(quarantine),
      steps: records => records,
      sink: kafkaSink<Uint8Array>({ brokers: kafka.brokers, topic: to, partition: 'keep' }),
      onFailure: 'halt',
    })
    expect((await again.start().finished).delivered).toBe(3)
    const content = async (topic: string) =>
      (await kafka.read(topic)).map(({ partition, key, value, headers }) => ({ partition, key, value, headers }))
    expect(await content(to)).toEqual(await content(from))
    expect(await listed(quarantine)).toEqual([])
  })

  it('shows an entry to people and tools in headers of its own', async () => {
    const topic = kafka.name('quarantine')
    const quarantine = kafkaQuarantine({ brokers: kafka.brokers, topic, create: true })
    const session = await quarantine.open({ pipeline: 'billing' })
    const origin = { source: 'kafka', partition: 'orders/3', position: 17, part: '' }
    await session.put([
      {
        origin,
        stage: 'decode',
        error: new SyntaxError('no comma'),
        attempts: [],
        raw: Buffer.from('{'),
        rawBytes: 1,
        key: null,
        headers: [],
        timestamp: 5,
      },
    ])
    await session.close!()
    const [message] = await kafka.read(topic)
    const [entry] = await listed(quarantine)
    expect(`${message!.key}`).toBe(entry!.id)
    expect(`${message!.value}`).toBe('{')
    const shown = Object.fromEntries(Object.entries(message!.headers).map(([name, value]) => [name, `${value}`]))
    expect(shown).toMatchObject({
      'millrace-pipeline': 'billing',
      'millrace-stage': 'decode',
      'millrace-code': 'SyntaxError',
      'millrace-error': 'no comma',
      'millrace-origin': 'kafka orders/3@17',
    })
  })

  it('passes over what others have written into its topic', async () => {
    const topic = await kafka.createTopic(1)
    await kafka.produce(topic, [{ key: 'theirs', value: 'x' }, { value: null }, { key: null, value: 'y' }])
    expect(await listed(kafkaQuarantine({ brokers: kafka.brokers, topic }))).toEqual([])
  })

  const failure = (position: number, raw = Buffer.from('x'), more: object = {}) => ({
    origin: { source: 's', partition: '0', position, part: '' },
    stage: 'handle', error: new Error('e'), attempts: [], raw, rawBytes: raw.byteLength, key: null, headers: [], timestamp: 5, ...more,
  }) // biome-ignore format: two lines

  it('reads nothing to open and to put, and one listing shows each record once, whoever put it', async () => {
    const topic = kafka.name('quarantine')
    let reads = 0
    const counting: MakeDriver = (...at) => {
      const driver = openKafka(...at)
      return { ...driver, joinGroup: (...of) => (reads++, driver.joinGroup(...of)) }
    }
    const quarantine = () => kafkaQuarantineOn(counting, { brokers: kafka.brokers, topic, create: true })
    for (let i = 0; i < 3; i++) {
      const session = await quarantine().open({ pipeline: 'p' })
      await session.put([failure(1), failure(2 + i)])
      await session.close!()
    }
    expect(reads).toBe(0)
    expect((await listed(quarantine())).map(({ origin }) => origin.position)).toEqual([2, 3, 1, 4])
    expect(reads).toBe(1)
  })

  it('releases with an entry what it has replaced, also where another process put that', async () => {
    const topic = kafka.name('quarantine')
    const quarantine = () => kafkaQuarantine({ brokers: kafka.brokers, topic, create: true })
    for (let i = 0; i < 3; i++) {
      const session = await quarantine().open({ pipeline: 'p' })
      await session.put([failure(1)])
      await session.close!()
    }
    const [entry] = await listed(quarantine())
    await quarantine().release([entry!.id])
    const messages = await kafka.read(topic)
    const put = messages.filter(({ value }) => value !== null).map(({ key }) => `${key}`)
    const released = messages.filter(({ value }) => value === null).map(({ key }) => `${key}`)
    expect([...released].sort()).toEqual([...put].sort())
    expect(await listed(quarantine())).toEqual([])
  })

  it('keeps what the first entry knew of a record of which a replay has only the beginning', async () => {
    const topic = kafka.name('quarantine')
    const quarantine = () => kafkaQuarantine({ brokers: kafka.brokers, topic, create: true })
    const rawSha256 = 'a'.repeat(64)
    for (const more of [{ rawBytes: 5_000_000, rawSha256 }, { rawBytes: 5_000_000 }]) {
      const session = await quarantine().open({ pipeline: 'p' })
      await session.put([failure(1, Buffer.from('begins'), more)])
      await session.close!()
    }
    expect(await listed(quarantine())).toMatchObject([{ rawSha256, rawBytes: 5_000_000 }])
  })

  it('makes no topic unless it is told to, and names it', async () => {
    const topic = kafka.name('nowhere')
    const quarantine = kafkaQuarantine({ brokers: kafka.brokers, topic })
    await expect(quarantine.open({ pipeline: 'p' })).rejects.toMatchObject({
      code: 'MILL_STORE_FAILED',
      message: expect.stringContaining(`there is no topic ${topic}`),
    })
  })

  it('lists a topic that is larger than what a listing holds, in the order in which it came', async () => {
    const quarantine = kafkaQuarantine({ brokers: kafka.brokers, topic: kafka.name('quarantine'), create: true })
    const session = await quarantine.open({ pipeline: 'p' })
    const raw = Buffer.alloc(1024 * 1024, 7)
    for (let i = 0; i < 40; i++) await session.put([failure(i, raw)])
    await session.close!()
    expect((await listed(quarantine)).map(({ origin, raw }) => [origin.position, raw.byteLength])).toEqual(
      Array.from({ length: 40 }, (_, i) => [i, raw.byteLength]),
    )
  })
})
