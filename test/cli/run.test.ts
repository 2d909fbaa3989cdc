import { describe, expect, it } from 'vitest'
import { runMillrace, startMillrace } from '../harness/millrace-command.js'
import { projects } from '../harness/project.js'
import { memoryConfig } from './pipelines.js'

const project = projects()
const withPipelines = (pipelines: string, settings?: string) => project({ 'millrace.config.js': memoryConfig(pipelines, settings) })

describe('millrace run', () => {
  it('runs all pipelines to their end, and says how each ended', async () => {
    const cwd = await withPipelines(`a: few('a'), b: few('b', 50)`)
    const { status, out, err } = await runMillrace(['run'], { cwd })
    expect(status, err).toBe(0)
    expect(out).toMatch(/^a\n {2}delivered {4}90 in .*\n {2}skipped {6}0\n {2}quarantined {2}10\n {15}10 × MILL_VALUE_INVALID$/m)
    expect(out).toMatch(/^b\n {2}delivered {4}45 in /m)
    expect(out).toContain('millrace quarantine list a')
    // Off a terminal the log is JSON, an entry a line.
    for (const line of err.trimEnd().split('\n')) expect(JSON.parse(line)).toMatchObject({ level: 'info', time: expect.any(String) })
  })

  it('runs only those that are named', async () => {
    const cwd = await withPipelines(`a: few('a'), b: few('b')`)
    const { status, out } = await runMillrace(['run', 'b', '--json'], { cwd })
    expect(status).toBe(0)
    expect(JSON.parse(out)).toMatchObject({ delivered: 90, pipelines: [{ name: 'b', state: 'stopped', delivered: 90 }] })
  })

  it('with --json prints one line of JSON on stdout, and all else on stderr', async () => {
    const cwd = await withPipelines(`a: few('a'), b: few('b', 50)`, `hints: ['look here']`)
    const { status, out, err } = await runMillrace(['run', '--json'], { cwd })
    expect(status).toBe(0)
    expect(out).toMatch(/^\{.*\}\n$/)
    expect(JSON.parse(out)).toMatchObject({
      delivered: 135,
      skipped: 0,
      quarantined: 15,
      reasons: { MILL_VALUE_INVALID: 15 },
      seconds: expect.any(Number),
      pipelines: [
        { name: 'a', state: 'stopped', delivered: 90, quarantined: 10, restarts: 0 },
        { name: 'b', state: 'stopped', delivered: 45, quarantined: 5, restarts: 0 },
      ],
    })
    expect(err).toContain('look here')
  })

  it('says which pipeline was most likely meant', async () => {
    const cwd = await withPipelines(`signups: few('signups'), orders: few('orders')`)
    expect(await runMillrace(['run', 'signup'], { cwd })).toMatchObject({
      status: 2,
      out: '',
      err: expect.stringMatching(/there is no pipeline signup in .*; did you mean signups\?/),
    })
  })

  it.each(['SIGTERM', 'SIGINT', 'SIGHUP'] as const)('drains at %s: what is under way is written, and the status is 0', async signal => {
    const cwd = await withPipelines(`endless: endless('endless')`, `log: { format: 'lines' }`)
    const running = startMillrace(['run', '--json'], { cwd })
    await running.says(/endless: running.* delivered/)
    running.child.kill(signal)
    const { status, out, err } = await running.ended
    expect(status, err).toBe(0)
    expect(err).toContain(`${signal}: writing what is under way; once more aborts`)
    expect(err).toContain('run it again, and it goes on from here')
    expect(JSON.parse(out).pipelines[0]).toMatchObject({ name: 'endless', state: 'stopped' })
  })

  it.each([
    ['SIGTERM', 143],
    ['SIGINT', 130],
  ] as const)('aborts at a second %s, with status %i', async (signal, expected) => {
    const cwd = await withPipelines(`stuck: endless('stuck', { write: null })`, `log: { format: 'lines' }`)
    const running = startMillrace(['run', '--json'], { cwd })
    // Something is under way that never ends.
    await running.says(/stuck: running.* in flight/)
    running.child.kill(signal)
    await running.says(/once more aborts/)
    running.child.kill(signal)
    const { status, out } = await running.ended
    expect(status).toBe(expected)
    expect(JSON.parse(out).pipelines[0]).toMatchObject({ state: 'failed', delivered: 0, error: { code: 'MILL_RUN_ABORTED' } })
  })

  it('goes on with the others when one fails, shows why, and ends with the status of that', async () => {
    const cwd = await withPipelines(`
      good: few('good'),
      bad: definePipeline({
        name: 'bad',
        source: memorySource([bytes({ id: 'x' })]),
        steps: records => records.pipe(decode('json'), validate(schema)),
        sink: memorySink(),
        onFailure: 'halt',
      })`)
    const { status, out, err } = await runMillrace(['run', '--json'], { cwd })
    expect(status).toBe(1)
    expect(JSON.parse(out).pipelines).toMatchObject([
      { name: 'good', state: 'stopped', delivered: 90 },
      { name: 'bad', state: 'failed', error: { code: 'MILL_RECORD_FAILED' } },
    ])
    expect(err).toMatch(/bad failed: .*\[MILL_RECORD_FAILED\]/)
    expect(err).toContain('what to do: ')
  })

  it('drains at SIGTERM what is healthy, what crashes again and again, and what does not open', async () => {
    const cwd = await withPipelines(
      `shut: broken('shut', 0), crashing: broken('crashing', 1_000), healthy: endless('healthy')`,
      `restart: { initialMs: 300, maxMs: 300, maxAtOrigin: 100 }, log: { format: 'lines' }`,
    )
    const running = startMillrace(['run', '--json'], { cwd })
    await running.says(/crashing: state .*state=running {2}restarts=1/)
    await running.says(/healthy: running {2}[1-9]\d* delivered/)
    running.child.kill('SIGTERM')
    const { out } = await running.ended
    const { pipelines } = JSON.parse(out) as { pipelines: { name: string; state: string; delivered: number; restarts: number }[] }
    const [shut, crashing, healthy] = pipelines
    expect(healthy).toMatchObject({ state: 'stopped', restarts: 0 })
    expect(healthy!.delivered).toBeGreaterThan(0)
    for (const one of [shut!, crashing!]) {
      expect(one.restarts, one.name).toBeGreaterThan(0)
      expect(['stopped', 'failed'], one.name).toContain(one.state)
    }
  })

  it('serves health and metrics where the config says so, and ends with the run', async () => {
    const cwd = await withPipelines(`endless: endless('endless')`, `monitoring: { port: 0 }, log: { format: 'lines' }`)
    const running = startMillrace(['run'], { cwd })
    const [, url] = await running.says(/url=(http:\S+)/)
    await running.says(/endless: running/)
    expect(await (await fetch(`${url}/healthz`)).text()).toBe('ok\n')
    expect(await (await fetch(`${url}/metrics`)).text()).toContain('millrace_records_total{pipeline="endless",outcome="delivered"}')
    running.child.kill('SIGTERM')
    expect(await running.ended).toMatchObject({ status: 0 })
  })

  it('ends before it begins where the port of the monitoring is taken', async () => {
    const first = startMillrace(['run'], {
      cwd: await withPipelines(`endless: endless('endless')`, `monitoring: { port: 0 }, log: { format: 'lines' }`),
    })
    const [, port] = await first.says(/url=http:\S+:(\d+)/)
    const cwd = await withPipelines(`endless: endless('endless')`, `monitoring: { port: ${port} }`)
    const second = await runMillrace(['run'], { cwd })
    expect(second.status).not.toBe(0)
    expect(second.err).toContain('MILL_PORT_UNAVAILABLE')
    first.child.kill('SIGTERM')
    await first.ended
  })
})
