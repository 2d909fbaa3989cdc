import { describe, expect, test } from 'vitest'
import { definePipeline, memorySink, transform } from '../../../src/index.js'
import { kafkaSourceOn } from '../../../src/sources/kafka.js'
import { virtualClock } from '../../../src/testing/virtual-clock.js'
import { FakeKafka } from '../../harness/fake-kafka.js'

const texts = (from: number, to: number) => Array.from({ length: to - from }, (_, i) => `${from + i}`)

function world(options: Partial<Parameters<typeof kafkaSourceOn>[1]> = {}, partitions = 1) {
  const clock = virtualClock()
  const kafka = new FakeKafka(clock)
  kafka.topic('t', partitions)
  const source = () => kafkaSourceOn(kafka.driver, { topics: ['t'], groupId: 'g', ...options }, clock)
  const sink = memorySink<string>()
  const pipeline = definePipeline({
    name: 'p',
    source: source(),
    steps: records => records.pipe(transform(value => (value === null ? 'tombstone' : Buffer.from(value).toString()))),
    sink,
    onFailure: 'halt',
  })
  return { clock, kafka, source, sink, pipeline }
}

describe('a run on the fake', () => {
  test('reads all, commits behind the last, and stops', async () => {
    const { clock, kafka, sink, pipeline } = world({}, 4)
    for (let i = 0; i < 4; i++) kafka.produce(`t/${i}`, texts(i * 100, i * 100 + 35))
    const run = pipeline.start({ clock })
    await clock.advance(3_000)
    expect(sink.rows).toHaveLength(140)
    expect(Object.fromEntries(kafka.group('g').committed)).toEqual({ 't/0': 35, 't/1': 35, 't/2': 35, 't/3': 35 })
    await clock.until(run.stop())
    expect(clock.pending).toBe(0)
  })
})
