import { execFile } from 'node:child_process'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { describe, expect, it } from 'vitest'
import { ids } from '../../bench/figures.js'
import { median } from '../../bench/measure.js'
import { fileAt, filesUnder, root } from '../harness/source-files.js'

const run = promisify(execFile)
/** What `node bench/main.js` printed. It runs what is built, as `npm run bench` does. */
const bench = (...args: string[]) => run(process.execPath, [join(root, 'bench', 'main.js'), ...args], { cwd: root })

describe('npm run bench', () => {
  it('has one file for each figure', () => {
    expect(filesUnder('bench/figures', '.ts').map(({ path }) => path)).toEqual(
      ids.map(id => `bench/figures/${id}.ts`).sort((a, b) => a.localeCompare(b)),
    )
  })

  it('has its figures on the page of performance, and no others', () => {
    const named = [...fileAt('docs/performance.md').text.matchAll(/^\| `([a-z]+\.[a-z-]+)` \|/gm)].map(([, id]) => id)
    expect([...new Set(named)].sort()).toEqual([...ids].sort())
  })

  it('measures a figure and says it in one line of JSON', async () => {
    const { stdout } = await bench('engine.sync', '--quick', '--json')
    const lines = stdout.trimEnd().split('\n')
    expect(lines).toHaveLength(1)
    const result = JSON.parse(lines[0]!)
    expect(result).toMatchObject({
      id: 'engine.sync',
      what: expect.any(String),
      goal: '≤ 4',
      holds: expect.any(Boolean),
      runs: 1,
      quick: true,
    })
    expect(result.ours).toBeGreaterThan(0)
    expect(result.limit).toBeGreaterThan(0)
    // Both are rounded to three digits.
    expect(Math.abs(result.ratio / (result.ours / result.limit) - 1)).toBeLessThan(0.02)
  }, 60_000)

  it('lists its figures', async () => {
    const { stdout } = await bench('--list')
    expect(
      stdout
        .trimEnd()
        .split('\n')
        .map(line => line.split(' ')[0]),
    ).toEqual([...ids])
  }, 60_000)

  it('suggests the figure that was meant', async () => {
    const failed = await bench('engine.snyc').catch(error => error)
    expect(failed).toMatchObject({ code: 2, stdout: '' })
    expect(failed.stderr).toContain('there is no figure engine.snyc; did you mean engine.sync?')
  }, 60_000)
})

describe('median', () => {
  it('is the middle one, or the mean of the two in the middle', () => {
    expect(median([3, 1, 2])).toBe(2)
    expect(median([4, 1, 3, 2])).toBe(2.5)
    expect(median([7])).toBe(7)
  })
})
