import { definePipeline, type Pipeline, type Sink, type Source, supervise } from 'millrace'
import { serveMonitoring } from 'millrace/monitoring'
import { memoryQuarantine } from 'millrace/testing'
import { expect, test } from 'vitest'
import type { Logger } from '../../src/core/log.js'

// In real time: whether one pipeline suffers for another shows itself only where both share one event loop.

const PER_SECOND = 4_000
const MEASURED_MS = 2_500
/** How long the broken ones stay in each of their states, so that whoever asks over HTTP meets all of them. */
const STAY_MS = 150

const later = (ms: number) => new Promise<void>(resolve => setTimeout(resolve, ms))

/** Gives records at an even pace, and what a late timer held up with the next: a busy machine does not change the rate, a starved pipeline does. */
function pacedSource(onBegin: (at: number) => void = () => {}): Source<number> {
  return {
    name: 'paced',
    commits: 'prefix',
    open: async () => {
      const begun = performance.now()
      let given = 0
      onBegin(begun)
      return {
        async read({ records }, signal) {
          for (;;) {
            const due = Math.floor(((performance.now() - begun) / 1_000) * PER_SECOND) - given
            if (due > 0) {
              const from = given
              given += Math.min(due, records)
              return Array.from({ length: given - from }, (_, i) => ({ value: from + i, position: from + i }))
            }
            signal.throwIfAborted()
            await later(10)
          }
        },
      }
    },
  }
}

interface Counting {
  readonly pipeline: Pipeline
  delivered: number
  begun: number
}

function healthy(): Counting {
  const counting = { delivered: 0, begun: 0 } as { delivered: number; begun: number; pipeline: Pipeline }
  const sink: Sink<number> = {
    name: 'counting',
    batch: { maxWaitMs: 20 },
    open: async () => ({
      write: async ({ records }) => {
        counting.delivered += records.length
      },
    }),
  }
  const source = pacedSource(at => {
    counting.begun = at
  })
  counting.pipeline = pipelineOf('healthy', source, sink)
  return counting
}

const failingInOpen = (): Pipeline =>
  pipelineOf('failing', pacedSource(), {
    name: 'never-open',
    open: async () => {
      await later(STAY_MS)
      throw new TypeError('cannot be opened')
    },
  })

const crashing = (): Pipeline =>
  pipelineOf('crashing', pacedSource(), {
    name: 'crashing',
    open: async () => {
      await later(STAY_MS)
      return {
        write: async () => {
          await later(STAY_MS)
          throw new Error('crash')
        },
        close: () => later(STAY_MS),
      }
    },
  })

const pipelineOf = (name: string, source: Source<number>, sink: Sink<number>): Pipeline =>
  definePipeline({ name, source, steps: records => records, sink, onFailure: memoryQuarantine() })

/** Records a second, from the begin on. The best of some moments at the end: in one of them the machine may have been busy with something else. */
async function rateOf(counting: Counting): Promise<number> {
  await later(MEASURED_MS)
  let best = 0
  for (let i = 0; i < 10; i++) {
    await later(25)
    best = Math.max(best, counting.delivered / ((performance.now() - counting.begun) / 1_000))
  }
  return best
}

test('a pipeline that fails in open and one that crashes every second leave the third alone, and each change of state can be seen', async () => {
  const alone = healthy()
  const lonely = supervise([alone.pipeline])
  const rateAlone = await rateOf(alone)
  await lonely.stop()

  const beside = healthy()
  const told = new Set<string>()
  const logged = new Set<string>()
  const wrong: string[] = []
  const note: Logger['info'] = (message, fields) => {
    const { pipeline, state } = { ...fields } as Record<string, string>
    if (message === 'state') logged.add(`${pipeline} ${state}`)
  }
  const supervisor = supervise([failingInOpen(), crashing(), beside.pipeline], {
    log: { debug: note, info: note, warn: note, error: note },
    restart: { initialMs: 800, maxMs: 800, maxAtOrigin: 100 },
    onState: ({ name, state }) => {
      told.add(`${name} ${state}`)
      // In the moment in which it is told, the snapshot and the log have it already.
      if (supervisor.snapshot().find(actor => actor.name === name)!.state !== state) wrong.push(`snapshot ${name} ${state}`)
      if (!logged.has(`${name} ${state}`)) wrong.push(`log ${name} ${state}`)
    },
  })
  const monitoring = await serveMonitoring(supervisor, { port: 0 })
  const asked = new Set<string>()
  let isOver = false
  const asking = (async () => {
    while (!isOver) {
      const response = await fetch(`${monitoring.url}/readyz`)
      for (const line of (await response.text()).trim().split('\n')) {
        const { pipeline, state } = JSON.parse(line) as Record<string, string>
        asked.add(`${pipeline} ${state}`)
      }
      await later(20)
    }
  })()

  const rateBeside = await rateOf(beside)
  // A machine with much to do needs longer for the same course.
  const isEarly = () =>
    supervisor
      .snapshot()
      .slice(0, 2)
      .some(({ restarts }) => restarts < 2)
  for (const begun = performance.now(); isEarly() && performance.now() - begun < 10_000; ) await later(25)
  const [failing, crashed] = supervisor.snapshot()
  const ended = await supervisor.stop()
  await later(60)
  isOver = true
  await asking
  await monitoring.close()

  console.log(
    `healthy: ${rateAlone.toFixed(0)} records/s alone, ${rateBeside.toFixed(0)} beside; restarts: ${failing!.restarts}, ${crashed!.restarts}`,
  )
  expect(rateBeside / rateAlone).toBeGreaterThan(0.9)
  expect(rateBeside / rateAlone).toBeLessThan(1.1)
  expect(failing!.restarts).toBeGreaterThanOrEqual(2)
  expect(crashed!.restarts).toBeGreaterThanOrEqual(2)
  // The broken ones have failed once more where they were told to stop in the middle of a run, and not while they waited for the next.
  expect(ended.map(({ name, state }) => `${name} ${state}`)).toEqual([
    expect.stringMatching(/^failing (stopped|failed)$/),
    expect.stringMatching(/^crashing (stopped|failed)$/),
    'healthy stopped',
  ])
  expect(ended[2]!.totals.delivered).toBe(beside.delivered)
  expect(wrong).toEqual([])
  // What the healthy one is for less than a moment, nobody can ask for.
  const brief = new Set(['healthy starting', 'healthy draining', 'failing draining'])
  expect([...told].filter(change => !asked.has(change) && !brief.has(change))).toEqual([])
  expect([...told].sort()).toEqual(
    expect.arrayContaining(['crashing draining', 'crashing running', 'crashing waiting', 'failing starting', 'failing waiting']),
  )
})
