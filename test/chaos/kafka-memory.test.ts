import { setTimeout as pause } from 'node:timers/promises'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { bundle } from '../harness/bundle.js'
import { describeKafka, withKafka } from '../harness/kafka.js'
import { Member } from './kafka/member.js'
import type { StalledReport, StalledTask } from './kafka/stalled-worker.js'

const isLong = Boolean(process.env['MILLRACE_LONG'])
/** Each round stalls the sink, then lets it flow. */
const ROUNDS = isLong ? 20 : 3
const STALLED_MS = isLong ? 20_000 : 4_000
const FLOWING_MS = isLong ? 10_000 : 2_000
const RECORD_BYTES = 16 * 1024
const WINDOW_BYTES = 8 * 1024 * 1024
const PARTITIONS = 4
/** What stands in the topic unread, at least: so there is always more than any window takes. */
const BACKLOG_BYTES = 128 * 1024 * 1024
/** What the process may take at all. */
const MOST_BYTES = 200 * 1024 * 1024
/** What the second half may take above the first round: what counts as flat. */
const GROWTH_BYTES = 32 * 1024 * 1024

describeKafka('a process that reads records of 16 KB from a topic that is always full', () => {
  const kafka = withKafka()
  let program: Awaited<ReturnType<typeof bundle>>
  beforeAll(async () => {
    program = await bundle('test/chaos/kafka/stalled-worker.ts')
  })
  afterAll(() => program.remove())

  it(
    `holds no more than its window, and takes no more memory, over ${ROUNDS} stalls of its sink`,
    async () => {
      // What was read long ago goes; what is unread is far less than that.
      const topic = await kafka.createTopic(PARTITIONS, { 'segment.bytes': '16777216', 'retention.bytes': `${4 * BACKLOG_BYTES}` })
      const task: StalledTask = { brokers: kafka.brokers, topic, groupId: kafka.name('group'), maxInFlightBytes: WINDOW_BYTES }
      const member = new Member(program.program, 1, task)
      const last = () => member.last as StalledReport
      const filling = new AbortController()
      const filled = fill(topic, () => last().delivered ?? 0, filling.signal)
      try {
        const peaks: number[] = []
        for (let round = 0; round < ROUNDS; round++) {
          const before = last().delivered ?? 0
          await until(member, () => last().delivered > before)
          member.tell('hold')
          await until(member, () => last().inFlightBytes > WINDOW_BYTES - 2 * RECORD_BYTES)
          const { delivered } = last()
          let peak = await peakOver(member, STALLED_MS)
          expect(last().delivered - delivered).toBeLessThan(10 * (WINDOW_BYTES / RECORD_BYTES))
          expect(last().inFlightBytes).toBeGreaterThan(WINDOW_BYTES - 2 * RECORD_BYTES)
          member.tell('flow')
          peak = Math.max(peak, await peakOver(member, FLOWING_MS))
          peaks.push(peak)
        }
        expect(Math.max(...peaks)).toBeLessThan(MOST_BYTES)
        expect(member.most.inFlightBytes).toBeLessThanOrEqual(WINDOW_BYTES + RECORD_BYTES + 100)
        expect(Math.max(...peaks.slice(Math.floor(ROUNDS / 2)))).toBeLessThan(peaks[0]! + GROWTH_BYTES)
      } finally {
        filling.abort()
        member.tell('flow')
        await member.leave().finally(() => filled)
      }
    },
    60_000 + ROUNDS * (STALLED_MS + FLOWING_MS + 20_000),
  )

  /** Keeps the topic ahead of its reader, as fast as that goes. */
  async function fill(topic: string, read: () => number, signal: AbortSignal): Promise<void> {
    const messages = Array.from({ length: 64 }, (_, i) => ({ partition: i % PARTITIONS, value: Buffer.alloc(RECORD_BYTES, i) }))
    await kafka.asProducer(async producer => {
      for (let produced = 0; !signal.aborted; ) {
        if ((produced - read()) * RECORD_BYTES > BACKLOG_BYTES) await pause(20)
        else {
          await producer.send({ topic, messages, acks: -1 })
          produced += messages.length
        }
      }
    })
  }
})

/** The most memory that the process took in a while, in bytes. */
async function peakOver(member: Member, ms: number): Promise<number> {
  let peak = 0
  for (const end = performance.now() + ms; performance.now() < end; await pause(100)) peak = Math.max(peak, member.last.rss)
  return peak
}

async function until(member: Member, isSo: () => boolean): Promise<void> {
  for (const end = performance.now() + 60_000; !isSo(); await pause(20)) {
    if (member.hasEnded || performance.now() > end) throw new Error(`it does not come so far: ${JSON.stringify(member.last)} ${member.log}`)
  }
}
