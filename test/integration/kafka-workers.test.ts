import { readFileSync } from 'node:fs'
import type { Producer } from 'kafkajs'
import { expect, it, onTestFinished } from 'vitest'
import { query, withDatabase } from '../harness/database.js'
import { describeKafka, withKafka } from '../harness/kafka.js'
import { type MillraceRunning, startMillrace } from '../harness/millrace-command.js'
import { projects } from '../harness/project.js'

const project = projects()

/** Writes numbers, some thousand a second, until it is told to end. */
class Load {
  sent = 0
  private isOver = false
  private readonly done: Promise<void>

  constructor(
    private readonly producer: Producer,
    private readonly topic: string,
  ) {
    this.done = this.run()
  }

  async end(): Promise<void> {
    this.isOver = true
    await this.done
  }

  private async run(): Promise<void> {
    await this.producer.connect()
    try {
      while (!this.isOver) {
        const messages = Array.from({ length: 50 }, (_, i) => ({ key: `${i}`, value: JSON.stringify({ id: this.sent + i }) }))
        await this.producer.send({ topic: this.topic, messages })
        this.sent += messages.length
        await new Promise(resolve => setTimeout(resolve, 20))
      }
    } finally {
      await this.producer.disconnect()
    }
  }
}

describeKafka('millrace run --workers', () => {
  const kafka = withKafka()
  const database = withDatabase()

  async function world(table: string) {
    const topic = await kafka.createTopic(6)
    const config = {
      pipelines: {
        numbers: {
          use: 'topic-to-postgres',
          from: { brokers: kafka.brokers, topics: [topic], groupId: kafka.name('group'), sessionTimeoutMs: 6_000 },
          table: { name: table, create: true, columns: { id: 'integer' } },
          database: { connection: database.connection },
          write: { batch: { maxWaitMs: 50 } },
        },
      },
      log: { format: 'lines' },
    }
    const cwd = await project({ 'millrace.config.json': JSON.stringify(config) })
    const load = new Load(kafka.client().producer({ idempotent: true, maxInFlightRequests: 1 }), topic)
    const rows = async () =>
      Number((await query<{ count: string }>(database.connection, `select count(*) from ${table}`).catch(() => [{ count: '0' }]))[0]!.count)
    return {
      load,
      run: (...args: string[]) => {
        const running = startMillrace(['run', '--json', ...args], { cwd })
        onTestFinished(() => void running.child.kill('SIGKILL'))
        return running
      },
      /** Until so many more rows are there. */
      more: async (count: number) => {
        const before = await rows()
        await expect.poll(rows, { timeout: 60_000, interval: 200 }).toBeGreaterThan(before + count)
      },
      /** All numbers are there, and each once. */
      async isExact() {
        const [found] = await query<Record<string, string>>(
          database.connection,
          `select count(*), count(distinct id) ids, min(id), max(id) from ${table}`,
        )
        // Of what came twice into the topic itself nobody could make one: the producer is idempotent, and the topic is asked.
        const bounds = await kafka.bounds(topic)
        expect(bounds.reduce((sum, { low, high }) => sum + high - low, 0)).toBe(load.sent)
        expect(found).toEqual({ count: `${load.sent}`, ids: `${load.sent}`, min: 0, max: load.sent - 1 })
      },
    }
  }

  const summary = async (running: MillraceRunning) => {
    const { status, out, err } = await running.ended
    expect(status, err).toBe(0)
    return JSON.parse(out) as { delivered: number }
  }
  const workersOf = ({ child }: MillraceRunning): number[] =>
    readFileSync(`/proc/${child.pid}/task/${child.pid}/children`, 'utf8').trim().split(' ').filter(Boolean).map(Number)

  it('under load 1 → 3 → 1 processes lose nothing and deliver nothing twice; the summaries add up', async () => {
    const { load, run, more, isExact } = await world('one_three_one')
    const one = run('--workers', '1')
    await more(500)
    const three = run('--workers', '3')
    await three.says(/numbers: running 3\/3/, 60_000)
    await more(1_000)
    one.child.kill('SIGTERM')
    const summaries = [await summary(one)]
    await more(1_000)
    const last = run('--workers', '1')
    await last.says(/numbers: running 1\/1/, 60_000)
    three.child.kill('SIGTERM')
    summaries.push(await summary(three))
    await more(1_000)
    await load.end()
    last.child.kill('SIGTERM')
    summaries.push(await summary(last))
    // What was written and not yet read.
    summaries.push(await summary(run('--workers', '2', '--drain')))
    await isExact()
    expect(summaries.reduce((sum, { delivered }) => sum + delivered, 0)).toBe(load.sent)
  }, 240_000)

  it('starts a worker again that was killed; none is left when the parent is killed', async () => {
    const { load, run, more, isExact } = await world('crashes')
    const running = run('--workers', '3')
    await running.says(/numbers: running 3\/3/, 60_000)
    await more(500)
    const [victim] = workersOf(running)
    process.kill(victim!, 'SIGKILL')
    await running.says(/a worker crashed and is started again.*SIGKILL/)
    await expect.poll(() => workersOf(running).length, { timeout: 20_000 }).toBe(3)
    await more(1_000)
    const orphans = workersOf(running)
    running.child.kill('SIGKILL')
    await running.ended
    await expect.poll(() => orphans.filter(isAlive), { timeout: 20_000 }).toEqual([])
    const drained = run('--drain')
    await load.end()
    await summary(drained)
    await summary(run('--drain'))
    await isExact()
  }, 240_000)
})

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0)
    return true
  } catch {
    return false
  }
}
