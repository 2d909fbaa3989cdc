import { describe, expect, test } from 'vitest'
import { nextEntryName } from '../../../src/stores/entry-names.js'
import { messageOfEntry, messageOfRelease } from '../../../src/stores/kafka-entry.js'
import { KafkaEntryReader } from '../../../src/stores/kafka-entry-reader.js'
import { quarantineEntry } from '../../../src/stores/quarantine-entry.js'
import { virtualClock } from '../../../src/testing/virtual-clock.js'
import { FakeKafka, refusal } from '../../harness/fake-kafka.js'

const identity = (n: number) => `${n}`.padStart(32, '0')
const at = { topic: 'q', partition: 0, groupPrefix: 'g', create: false }

function world() {
  const clock = virtualClock()
  const kafka = new FakeKafka(clock)
  kafka.topic('q', 1)
  const put = (n: number, bytes = 1): string => {
    const id = nextEntryName(identity(n), 1)
    const failure = { origin: { source: 's', partition: '0', position: n, part: '' }, stage: 'handle', error: new Error('e'), attempts: [] }
    const raw = Buffer.alloc(bytes, n)
    const entry = quarantineEntry({ ...failure, raw, rawBytes: bytes, key: null, headers: [], timestamp: 5 }, { id, pipeline: 'p', at: 1 })
    kafka.produce('q/0', [messageOfEntry('q', 0, entry)])
    return id
  }
  const release = (id: string) => kafka.produce('q/0', [messageOfRelease('q', 0, id)])
  return { clock, kafka, put, release, reader: new KafkaEntryReader(kafka.driver, at, clock) }
}

describe('reading the topic of a quarantine', () => {
  test('goes on where it was when the cluster went away meanwhile', async () => {
    const { clock, kafka, put, reader } = world()
    kafka.batchSize = 2
    const ids = Array.from({ length: 9 }, (_, n) => put(n))
    kafka.adminErrors = [refusal('away')]
    const push = kafka.members.push.bind(kafka.members)
    kafka.members.push = member => {
      if (kafka.members.length < 3)
        void member.started.then(() =>
          setImmediate(() => setImmediate(() => setImmediate(() => member.crash(refusal('the broker is gone'))))),
        )
      return push(member)
    }
    const { index } = await clock.until(reader.index(1024 * 1024))
    expect([...index.current().values()].map(({ id }) => id)).toEqual(ids)
    expect(kafka.members.length).toBeGreaterThan(1)
  })

  test('gives up where waiting does not help, and after half a minute without anything', async () => {
    const { clock, kafka, reader } = world()
    kafka.adminErrors = [refusal('no right', false)]
    await expect(reader.index(0)).rejects.toThrow('no right')
    const begun = clock.now()
    kafka.adminErrors = Array.from({ length: 1_000 }, () => refusal('away'))
    await expect(clock.until(reader.index(0))).rejects.toThrow('away')
    expect(clock.now() - begun).toBeGreaterThanOrEqual(30_000)
    expect(clock.now() - begun).toBeLessThan(60_000)
  })

  test('keeps the entries themselves up to a bound, those that are gone not counted', async () => {
    const { clock, put, release, reader } = world()
    for (let i = 0; i < 20; i++) release(put(i, 3_000))
    const ids = [put(1, 3_000), put(2, 3_000)]
    const kept = await clock.until(reader.index(8_000))
    expect(kept.index.hasAll).toBe(true)
    expect([...kept.index.current().values()].map(({ id, message }) => [id, message?.value?.byteLength])).toEqual(
      ids.map(id => [id, 3_000]),
    )
    put(3, 3_000)
    const { index } = await clock.until(reader.index(8_000))
    expect(index.hasAll).toBe(false)
    expect([...index.current().values()].every(({ message }) => message === undefined)).toBe(true)
  })
})
