import { expect, it, onTestFinished } from 'vitest'
import { type MillraceOnTerminal, startOnTerminal } from '../harness/millrace-command.js'
import { projects } from '../harness/project.js'
import { Screen } from '../harness/screen.js'
import { memoryConfig } from './pipelines.js'

const project = projects()
const withPipelines = (pipelines: string, settings?: string) => project({ 'millrace.config.js': memoryConfig(pipelines, settings) })

/** The command on a terminal that the test can look at. */
function watched(args: readonly string[], options: Parameters<typeof startOnTerminal>[1] & { readonly columns: number }) {
  const screen = new Screen(options.columns, options.rows ?? 24)
  const running = startOnTerminal(args, options)
  running.onText(text => screen.write(text))
  let isOver = false
  void running.ended.finally(() => {
    isOver = true
  })
  onTestFinished(() => {
    if (!isOver) running.kill('SIGKILL')
  })
  return {
    running,
    screen,
    resize(columns: number) {
      screen.resize(columns, 24)
      running.resize(columns, 24)
    },
  }
}

/** The numbers under DELIVERED, as they come. */
const delivered = (running: MillraceOnTerminal, atLeast: number) =>
  expect
    .poll(() => Math.max(0, ...[...running.said().matchAll(/running .* (\d+) {2}[█░]/g)].map(([, count]) => Number(count))), {
      timeout: 15_000,
    })
    .toBeGreaterThan(atLeast)

const heads = (lines: readonly string[]) => lines.filter(line => line.includes('PIPELINE'))

it('draws a row a pipeline and draws it again in place, with the log above it', async () => {
  const cwd = await withPipelines(`one: endless('one'), two: endless('two')`)
  const { running, screen } = watched(['run'], { cwd, columns: 140 })
  await delivered(running, 60)
  const lines = await screen.lines()
  expect(heads(lines)).toHaveLength(1)
  expect(lines.at(-3)).toMatch(/^PIPELINE +STATE +RATE +IN FLIGHT +LAG +QUARANTINED +OLDEST +DELIVERED$/)
  expect(lines.at(-2)).toMatch(/^one +running +[\d,]+\/s +\d+ +[\d,]+ +0 +[\d.]+ s +\d+/)
  expect(lines.at(-1)).toMatch(/^two +running /)
  expect(lines.slice(0, -3).join('\n')).toMatch(/info {2}one: state {2}from=starting {2}state=running/)
  running.type('\u0003')
  const { status } = await running.ended
  expect(status).toBe(0)
  // The table is gone; the summary stays.
  const after = await screen.lines()
  expect(heads(after)).toEqual([])
  expect(after.join('\n')).toMatch(/SIGINT: writing what is under way; once more aborts[\s\S]*one: stopped before its end\n {2}delivered/)
})

it('survives a window that becomes narrow, and a very narrow one', async () => {
  const cwd = await withPipelines(`'a-pipeline-with-a-long-name': endless('a-pipeline-with-a-long-name')`, `log: { level: 'warn' }`)
  const { running, screen, resize } = watched(['run'], { cwd, columns: 160 })
  await delivered(running, 20)
  for (const columns of [60, 24, 9, 120]) {
    resize(columns)
    // Without the bar, which gets a line of its own where there is no room for it beside the rest.
    const shown = async () => (await screen.lines()).map(line => line.slice(0, 6)).filter(line => !line.startsWith('  '))
    // Drawn anew at once; what was wrapped by the narrower window is gone.
    await expect.poll(shown, { timeout: 10_000, message: `at ${columns} columns` }).toEqual(['PIPELI', 'a-pipe'])
    await expect.poll(async () => Math.max(...(await screen.lines()).map(line => line.length)), { timeout: 10_000 }).toBeLessThan(columns)
  }
  running.kill('SIGTERM')
  expect((await running.ended).status).toBe(0)
})

it('colours the states, and nothing with NO_COLOR', async () => {
  const cwd = await withPipelines(`one: endless('one')`)
  for (const [env, coloured] of [
    [{}, true],
    [{ NO_COLOR: '1' }, false],
  ] as const) {
    const { running } = watched(['run'], { cwd, columns: 140, env })
    await delivered(running, 10)
    running.kill('SIGTERM')
    const { text, status } = await running.ended
    expect(status).toBe(0)
    expect(/\u001b\[[\d;]*m/.test(text), JSON.stringify(env)).toBe(coloured)
  }
})

it('says lines on a terminal that cannot move its cursor', async () => {
  const cwd = await withPipelines(`few: few('few')`)
  const { running } = watched(['run'], { cwd, columns: 80, env: { TERM: 'dumb' } })
  const { text, status } = await running.ended
  expect(status).toBe(0)
  expect(text).not.toContain('\u001b')
  expect(text).toMatch(/few\r\n {2}delivered {4}90 in/)
})

it('with --json leaves one line of JSON after the table', async () => {
  const cwd = await withPipelines(`few: few('few')`, `log: { level: 'warn' }`)
  const { running, screen } = watched(['run', '--json'], { cwd, columns: 240 })
  expect((await running.ended).status).toBe(0)
  const lines = await screen.lines()
  expect(JSON.parse(lines.slice(lines.findIndex(line => line.startsWith('{'))).join(''))).toMatchObject({ delivered: 90 })
})
