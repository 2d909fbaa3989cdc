import { memoryQuarantine, memorySource } from 'millrace/testing'
import { map, type Observable } from 'rxjs'
import { describe, expect, test } from 'vitest'
import type { Envelope } from '../../../src/core/envelope.js'
import { MillraceError } from '../../../src/core/errors.js'
import type { Logger } from '../../../src/core/log.js'
import type { Sink } from '../../../src/core/sink.js'
import type { Source } from '../../../src/core/source.js'
import { definePipeline, type Pipeline } from '../../../src/runtime/pipeline.js'
import type { PipelineRun } from '../../../src/runtime/run.js'
import { type Supervisor, type SupervisorOptions, supervise } from '../../../src/runtime/supervisor.js'
import type { ActorSnapshot } from '../../../src/runtime/supervisor-actor.js'
import { away, FedSource, gate, NotingSink, numbered, type VirtualClock, virtualClock } from './parts.js'

interface Parts {
  readonly source?: Source<number>
  readonly sink?: Sink<number>
  readonly steps?: (records: Observable<Envelope<number>>) => Observable<Envelope<number>>
}

const pipeline = (name: string, { source = memorySource([1]), sink = new NotingSink<number>().sink, steps }: Parts = {}): Pipeline =>
  definePipeline({ name, source, steps: steps ?? (records => records), sink, onFailure: memoryQuarantine() })

const failingInOpen = (name: string, error: () => unknown): Pipeline =>
  pipeline(name, { sink: { ...new NotingSink<number>().sink, open: () => Promise.reject(error()) } })

/** A sink that fails each write with what `error` gives; undefined lets it through. */
const sinkThatFails = (error: () => unknown): Sink<number> => {
  const noting = new NotingSink<number>()
  noting.onWrite = async () => {
    const failure = error()
    if (failure !== undefined) throw failure
  }
  return noting.sink
}

interface Watched {
  readonly clock: VirtualClock
  readonly supervisor: Supervisor
  readonly runs: [name: string, run: PipelineRun][]
  readonly states: string[]
  readonly snapshots: ActorSnapshot[]
  readonly lines: { level: string; message: string; fields: Record<string, unknown> }[]
}

function watched(pipelines: readonly Pipeline[], options: SupervisorOptions = {}): Watched {
  const clock = virtualClock()
  const runs: Watched['runs'] = []
  const snapshots: ActorSnapshot[] = []
  const lines: Watched['lines'] = []
  const line = (level: string) => (message: string, fields?: object) => void lines.push({ level, message, fields: { ...fields } })
  const log: Logger = { debug: line('debug'), info: line('info'), warn: line('warn'), error: line('error') }
  const states: string[] = []
  const supervisor = supervise(pipelines, {
    clock,
    log,
    onRun: (name, run) => void runs.push([name, run]),
    onState: snapshot => {
      snapshots.push(snapshot)
      states.push(`${snapshot.name} ${snapshot.state}${snapshot.waitingFor ? ` ${snapshot.waitingFor}` : ''}`)
    },
    ...options,
  })
  return { clock, supervisor, runs, states, snapshots, lines }
}

const only = ({ supervisor }: Pick<Watched, 'supervisor'>): ActorSnapshot => supervisor.snapshot()[0]!

describe('a supervisor', () => {
  test('runs pipelines side by side until all have ended, and says how they ended', async () => {
    const { clock, supervisor, states } = watched([pipeline('a'), pipeline('b', { source: memorySource([1, 2]) })])
    const ended = await clock.until(supervisor.finished)
    expect(ended).toMatchObject([
      { name: 'a', state: 'stopped', error: null, restarts: 0, totals: { delivered: 1 } },
      { name: 'b', state: 'stopped', error: null, restarts: 0, totals: { delivered: 2 } },
    ])
    expect(states.filter(state => state.startsWith('a'))).toEqual(['a starting', 'a running', 'a draining', 'a stopped'])
    expect(clock.pending).toBe(0)
  })

  test('of no pipelines has ended', async () => {
    expect(await supervise([]).finished).toEqual([])
  })

  test('refuses two pipelines of one name', () => {
    expect(() => supervise([pipeline('a'), pipeline('a')])).toThrow(/"a" twice/)
  })

  test('refuses unknown options, of the policy too', () => {
    expect(() => supervise([], { concurently: 1 } as never)).toThrow(/did you mean concurrently/)
    expect(() => supervise([], { restart: { initialMs: 0 } })).toThrow(/initialMs/)
  })

  test('runs so many at a time as it may, in the order given', async () => {
    const first = new FedSource()
    const { clock, supervisor, states } = watched([pipeline('a', { source: first.source }), pipeline('b'), pipeline('c')], {
      concurrently: 1,
    })
    await clock.advance(60_000)
    expect(supervisor.snapshot().map(({ state, waitingFor }) => [state, waitingFor])).toEqual([
      ['running', null],
      ['waiting', 'turn'],
      ['waiting', 'turn'],
    ])
    first.end()
    await clock.until(supervisor.finished)
    const order = states.filter(state => /running|stopped/.test(state))
    expect(order).toEqual(['a running', 'a stopped', 'b running', 'b stopped', 'c running', 'c stopped'])
  })

  test('keeps the turn of one that waits for its restart', async () => {
    let failures = 0
    const failsOnce = sinkThatFails(() => (failures++ === 0 ? new Error('once') : undefined))
    const { clock, supervisor, states } = watched([pipeline('a', { sink: failsOnce }), pipeline('b')], { concurrently: 1 })
    await clock.until(supervisor.finished)
    expect(states.indexOf('b starting')).toBeGreaterThan(states.indexOf('a stopped'))
    expect(supervisor.snapshot()).toMatchObject([
      { state: 'stopped', restarts: 1, error: null },
      { state: 'stopped', restarts: 0 },
    ])
  })

  test('lets no pipeline suffer for another', async () => {
    const healthy = new FedSource()
    const noting = new NotingSink<number>()
    const { clock, supervisor } = watched([
      failingInOpen('a', () => new TypeError('no such thing')),
      pipeline('b', { sink: sinkThatFails(() => new Error('each time')) }),
      pipeline('c', { source: healthy.source, sink: noting.sink }),
    ])
    for (let i = 0; i < 100; i++) {
      healthy.give(...numbered(i, i + 1))
      await clock.advance(1_000)
    }
    expect(noting.values).toHaveLength(100)
    expect(supervisor.snapshot()).toMatchObject([{ state: 'failed' }, { restarts: expect.any(Number) }, { state: 'running', restarts: 0 }])
    await clock.until(supervisor.stop())
    expect(supervisor.snapshot()[2]).toMatchObject({ state: 'stopped', totals: { delivered: 100 } })
    expect(clock.pending).toBe(0)
  })
})

describe('a pipeline that failed', () => {
  test('is started again after a wait that grows, and is told as waiting meanwhile', async () => {
    const w = watched([pipeline('a', { sink: sinkThatFails(() => new Error('each time')) })], {
      restart: { initialMs: 1_000, maxMs: 8_000 },
    })
    await w.clock.advance(60_000)
    const waits = w.snapshots.filter(({ waitingFor }) => waitingFor === 'restart').map(({ restartAt, since }) => restartAt! - since)
    expect(waits.length).toBeGreaterThan(6)
    const longest = [1_000, 2_000, 4_000, 8_000, 8_000, 8_000]
    for (const [i, most] of longest.entries()) {
      expect(waits[i]).toBeGreaterThanOrEqual(most / 2)
      expect(waits[i]).toBeLessThanOrEqual(most)
    }
    expect(w.states.slice(0, 6)).toEqual(['a starting', 'a running', 'a draining', 'a waiting restart', 'a starting', 'a running'])
    await w.clock.until(w.supervisor.stop())
    expect(w.clock.pending).toBe(0)
  })

  test('begins with the shortest wait again after it was healthy', async () => {
    const source = new FedSource()
    let isBroken = false
    const sink = sinkThatFails(() => (isBroken ? new Error('broken') : undefined))
    const w = watched([pipeline('a', { source: source.source, sink })], { restart: { maxMs: 64_000, healthyMs: 100_000 } })
    const waits = () => w.snapshots.filter(({ waitingFor }) => waitingFor === 'restart').map(({ restartAt, since }) => restartAt! - since)
    isBroken = true
    for (let i = 0; i < 5; i++) {
      source.give(...numbered(0, 1))
      await w.clock.advance(40_000)
    }
    expect(waits()[4]).toBeGreaterThanOrEqual(8_000)
    isBroken = false
    await w.clock.advance(100_000)
    isBroken = true
    source.give(...numbered(0, 1))
    await w.clock.advance(1_000)
    expect(waits()[5]).toBeLessThanOrEqual(1_000)
    await w.clock.until(w.supervisor.stop())
  })

  test('keeps its counts over restarts', async () => {
    let failures = 0
    const source = { ...memorySource([1, 2, 3]), name: 'again' }
    const sink = sinkThatFails(() => (++failures < 3 ? new Error('not yet') : undefined))
    const w = watched([pipeline('a', { source, sink, steps: records => records })])
    const [ended] = await w.clock.until(w.supervisor.finished)
    expect(ended).toMatchObject({ restarts: 2, totals: { delivered: 3 }, run: { delivered: 3 }, error: null, errorClass: null })
    expect(w.runs.map(([name]) => name)).toEqual(['a', 'a', 'a'])
  })

  test('adds up what each of its runs delivered', async () => {
    const source = new FedSource()
    let isBroken = false
    const w = watched([pipeline('a', { source: source.source, sink: sinkThatFails(() => (isBroken ? new Error('broken') : undefined)) })])
    for (let i = 0; i < 3; i++) {
      isBroken = false
      source.give(...numbered(i, i + 1))
      await w.clock.advance(10_000)
      isBroken = true
      source.give(...numbered(i + 1, i + 2))
      await w.clock.advance(30_000)
    }
    expect(only(w)).toMatchObject({
      restarts: 3,
      totals: { delivered: 3 },
      error: { code: 'MILL_SINK_FAILED', cause: { message: 'broken' } },
    })
    await w.clock.until(w.supervisor.stop())
  })

  test('is given up after three failures at one origin, and its log says so', async () => {
    const poison = (records: Observable<Envelope<number>>) =>
      records.pipe(
        map(record => {
          if (record.value === 7) throw new Error('seven')
          return record
        }),
      )
    const w = watched([pipeline('a', { source: memorySource([5, 6, 7, 8]), steps: poison })])
    const [ended] = await w.clock.until(w.supervisor.finished)
    expect(ended).toMatchObject({ state: 'failed', restarts: 2, errorClass: 'failed', error: { code: 'MILL_STEPS_FAILED' } })
    expect(w.lines).toContainEqual({
      level: 'error',
      message: 'not restarted',
      fields: { pipeline: 'a', because: 'one-origin', error: expect.stringContaining('memory 0@2') },
    })
  })

  test('goes on being started when each failure is at another origin', async () => {
    let at = 0
    const wandering = (records: Observable<Envelope<number>>) =>
      records.pipe(
        map(record => {
          if (record.value === at) {
            at++
            throw new Error('here')
          }
          return record
        }),
      )
    const w = watched([pipeline('a', { source: memorySource([0, 1, 2, 3, 4, 5]), steps: wandering })])
    const [ended] = await w.clock.until(w.supervisor.finished)
    expect(ended).toMatchObject({ state: 'stopped', restarts: 6 })
  })

  test('is given up after three failures in opening when it never ran', async () => {
    const w = watched([failingInOpen('a', () => new TypeError('no such thing'))])
    const [ended] = await w.clock.until(w.supervisor.finished)
    expect(ended).toMatchObject({ state: 'failed', restarts: 2, errorClass: 'failed', run: { state: 'failed' } })
  })

  test('is started without end when it fails in opening, but ran before', async () => {
    const source = new FedSource()
    let isOpen = true
    const noting = new NotingSink<number>()
    const sink: Sink<number> = {
      ...noting.sink,
      open: context => (isOpen ? noting.sink.open(context) : Promise.reject(new TypeError('no such thing'))),
    }
    noting.onWrite = async () => {
      isOpen = false
      throw new Error('gone')
    }
    const w = watched([pipeline('a', { source: source.source, sink })])
    source.give(...numbered(0, 1))
    await w.clock.advance(1_000_000)
    expect(only(w).restarts).toBeGreaterThan(10)
    noting.onWrite = async () => {}
    isOpen = true
    await w.clock.advance(60_000)
    expect(only(w).state).toBe('running')
    await w.clock.until(w.supervisor.stop())
  })

  test('is given up after so many failures in a row as the policy says', async () => {
    const w = watched([pipeline('a', { sink: sinkThatFails(() => new Error('each time')) })], { restart: { maxInARow: 4 } })
    const [ended] = await w.clock.until(w.supervisor.finished)
    expect(ended).toMatchObject({ state: 'failed', restarts: 3 })
  })

  test.each([
    ['config', () => new MillraceError('MILL_TABLE_MISSING', { table: 't', database: 'd' })],
    ['config', () => new MillraceError('MILL_LEDGER_AHEAD', { source: 's', partition: '0', covered: '0…9', found: 'nothing' })],
    ['fenced', () => new MillraceError('MILL_PARTITION_FENCED', { source: 's', partition: '0' })],
    ['not-allowed', () => new MillraceError('MILL_DATABASE_REFUSED', { database: 'd', sqlstate: '28P01', reason: 'password' })],
    ['not-allowed', () => Object.assign(new Error('no'), { code: 'EACCES' })],
  ] as const)('is not started again when that is in vain: %s', async (errorClass, error) => {
    const w = watched([pipeline('a', { sink: sinkThatFails(error) })])
    const [ended] = await w.clock.until(w.supervisor.finished)
    expect(ended).toMatchObject({ state: 'failed', restarts: 0, errorClass })
  })

  test('is not started again when a service is away at the first start', async () => {
    const w = watched([failingInOpen('a', () => away('nobody there'))])
    const [ended] = await w.clock.until(w.supervisor.finished)
    expect(ended).toMatchObject({ state: 'failed', restarts: 0, errorClass: 'unavailable', error: { code: 'MILL_START_TIMEOUT' } })
  })

  test('is not started again when its failure budget is spent, or somebody aborted its run', async () => {
    const budget = new MillraceError('MILL_FAILURE_BUDGET_SPENT', { failures: 3, withinMs: 1_000, last: 'that' })
    const endless = new FedSource()
    const w = watched([pipeline('a', { sink: sinkThatFails(() => budget) }), pipeline('b', { source: endless.source })])
    await w.clock.advance(1_000)
    await w.runs.find(([name]) => name === 'b')![1].abort('enough')
    const ended = await w.clock.until(w.supervisor.finished)
    expect(ended).toMatchObject([
      { state: 'failed', restarts: 0, error: { code: 'MILL_FAILURE_BUDGET_SPENT' } },
      { state: 'failed', restarts: 0, error: { code: 'MILL_RUN_ABORTED' } },
    ])
  })

  test('fails, and leaves the others alone, when it cannot even be started', async () => {
    const broken = { ...pipeline('a'), start: () => { throw new TypeError('not a pipeline') } } // biome-ignore format: one line
    const w = watched([broken, pipeline('b')])
    const ended = await w.clock.until(w.supervisor.finished)
    expect(ended).toMatchObject([{ state: 'failed', run: null }, { state: 'stopped' }])
  })
})

describe('stop', () => {
  test('drains all, and ends at once what only waits', async () => {
    const running = new FedSource()
    const noting = new NotingSink<number>({ batch: { maxRecords: 100, maxWaitMs: 900_000 } })
    const w = watched(
      [
        pipeline('running', { source: running.source, sink: noting.sink }),
        pipeline('crashed', { sink: sinkThatFails(() => new Error('each time')) }),
        pipeline('queued'),
      ],
      { concurrently: 2, restart: { initialMs: 3_600_000, maxMs: 3_600_000 } },
    )
    running.give(...numbered(0, 3))
    await w.clock.advance(1_000)
    expect(w.supervisor.snapshot().map(({ waitingFor }) => waitingFor)).toEqual([null, 'restart', 'turn'])
    const before = w.clock.now()
    const ended = await w.clock.until(w.supervisor.stop())
    expect(w.clock.now() - before).toBeLessThan(1_000)
    expect(ended).toMatchObject([
      { state: 'stopped', totals: { delivered: 3 } },
      { state: 'stopped', error: { cause: { message: 'each time' } } },
      { state: 'stopped', run: null },
    ])
    expect(running.committed).toEqual({ 0: 3 })
    expect(w.clock.pending).toBe(0)
  })

  test('before anything has begun starts nothing', async () => {
    const w = watched([pipeline('a')])
    expect(await w.clock.until(w.supervisor.stop())).toMatchObject([{ state: 'stopped', run: null }])
    expect(w.runs).toEqual([])
  })

  test('restarts nothing that fails while it drains', async () => {
    const stuck = new FedSource()
    const never = new NotingSink<number>()
    never.onWrite = () => gate<void>().promise
    const w = watched([pipeline('a', { source: stuck.source, sink: never.sink })])
    stuck.give(...numbered(0, 1))
    await w.clock.advance(1_000)
    const [ended] = await w.clock.until(w.supervisor.stop())
    expect(ended).toMatchObject({ state: 'failed', restarts: 0, error: { code: 'MILL_STOP_TIMEOUT' } })
  })

  test('is what the end of a using block does', async () => {
    const source = new FedSource()
    const w = watched([pipeline('a', { source: source.source })])
    await w.clock.advance(10)
    await w.clock.until(Promise.resolve(w.supervisor[Symbol.asyncDispose]()))
    expect(only(w).state).toBe('stopped')
  })
})

describe('abort', () => {
  test('ends all at once', async () => {
    const source = new FedSource()
    const noting = new NotingSink<number>({ batch: { maxRecords: 100, maxWaitMs: 900_000 } })
    noting.onWrite = () => gate<void>().promise
    const w = watched([pipeline('a', { source: source.source, sink: noting.sink })])
    source.give(...numbered(0, 1))
    await w.clock.advance(1_000)
    const [ended] = await w.clock.until(w.supervisor.abort('a second signal'))
    expect(ended).toMatchObject({ state: 'failed', error: { code: 'MILL_RUN_ABORTED', cause: { message: '"a second signal"' } } })
    expect(w.clock.pending).toBe(0)
  })
})

describe('the states of a pipeline', () => {
  test('show that infrastructure is away for as long as it is, and not each try', async () => {
    const source = new FedSource()
    let isAway = true
    const w = watched([pipeline('a', { source: source.source, sink: sinkThatFails(() => (isAway ? away() : undefined)) })])
    source.give(...numbered(0, 1))
    await w.clock.advance(120_000)
    expect(w.states).toEqual(['a starting', 'a running', 'a waiting infrastructure'])
    expect(only(w)).toMatchObject({ state: 'waiting', waitingFor: 'infrastructure', restarts: 0, error: null })
    isAway = false
    await w.clock.advance(20_000)
    expect(w.states.slice(3)).toEqual(['a running'])
    await w.clock.until(w.supervisor.stop())
    expect(w.states.slice(4)).toEqual(['a draining', 'a stopped'])
    expect(w.clock.pending).toBe(0)
  })

  test('stand in the log, each with the name of its pipeline', async () => {
    const w = watched([pipeline('a', { sink: sinkThatFails(() => new Error('each time')) }), pipeline('b')], { restart: { maxInARow: 2 } })
    await w.clock.until(w.supervisor.finished)
    const logged = w.lines.filter(({ message }) => message === 'state')
    const told = logged.map(
      ({ fields }) => `${fields['pipeline']} ${fields['state']}${fields['waitingFor'] ? ` ${fields['waitingFor']}` : ''}`,
    )
    expect(told).toEqual(w.states)
    expect(w.lines.every(({ fields }) => fields['pipeline'] === 'a' || fields['pipeline'] === 'b')).toBe(true)
    expect(logged.find(({ fields }) => fields['state'] === 'failed')).toMatchObject({ level: 'error', fields: { restarts: 1 } })
  })

  test('are told to listeners that throw, too', async () => {
    const fault = () => {
      throw new Error('listener')
    }
    const w = watched([pipeline('a')], { onRun: fault, onState: fault })
    expect(await w.clock.until(w.supervisor.finished)).toMatchObject([{ state: 'stopped', totals: { delivered: 1 } }])
    expect(w.lines.some(({ message }) => message === 'a listener threw')).toBe(true)
  })
})

describe('observe', () => {
  test('watches each run of each pipeline until it is ended', async () => {
    const source = new FedSource()
    let isAway = true
    const w = watched([pipeline('a', { source: source.source, sink: sinkThatFails(() => (isAway ? away('gone') : undefined)) })])
    const seen: string[] = []
    const end = w.supervisor.observe(name => ({
      state: state => void seen.push(`${name} ${state}`),
      retried: reason => void seen.push(`${name} ${(reason as Error).message}`),
    }))
    w.supervisor.observe(() => ({
      state: () => {
        throw new Error('observer')
      },
    }))
    source.give(...numbered(0, 1))
    await w.clock.advance(10)
    isAway = false
    await w.clock.advance(10_000)
    expect(seen.slice(0, 3)).toEqual(['a running', 'a gone', 'a waiting'])
    end()
    const before = seen.length
    await w.clock.until(w.supervisor.stop())
    expect(seen).toHaveLength(before)
  })
})
