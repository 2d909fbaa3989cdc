import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { expect, it } from 'vitest'
import { root } from '../harness/source-files.js'
import { typeCheck } from '../harness/type-check.js'

const path = 'test/types/must-not-compile.ts'

interface Case {
  /** What it is, as the comment says. */
  readonly what: string
  readonly pinned: string
  /** The line of the pinned message, from 0. */
  readonly pinnedAt: number
  /** The lines of the code, from 1, the last included. */
  readonly from: number
  readonly to: number
}

it('what must not compile does not, and says why in the same words', async () => {
  const lines = (await readFile(join(root, path), 'utf8')).split('\n')
  const cases = casesIn(lines)
  const directory = await mkdtemp(join(root, '.snippets-'))
  try {
    const config = { extends: '../tsconfig.json', include: [`../${path}`], exclude: [] }
    await writeFile(join(directory, 'tsconfig.json'), JSON.stringify(config))
    const problems = (await typeCheck(join(directory, 'tsconfig.json'))).filter(({ file }) => file.endsWith(path))
    const said = cases.map(({ what, from, to }) => {
      const first = problems.find(({ line }) => line >= from && line <= to)
      return { what, says: first ? `${first.code} ${first.message.replaceAll(root, '')}` : 'nothing: it compiles' }
    })
    if (process.env['MILLRACE_PIN']) {
      for (const [i, { pinnedAt }] of cases.entries()) lines[pinnedAt] = `// → ${said[i]!.says}`
      await writeFile(join(root, path), lines.join('\n'))
    }
    const outside = problems.filter(({ line }) => !cases.some(({ from, to }) => line >= from && line <= to))
    expect(outside).toEqual([])
    expect(said).toEqual(cases.map(({ what, pinned }) => ({ what, says: pinned })))
  } finally {
    await rm(directory, { recursive: true, force: true })
  }
}, 60_000)

/** Two lines of comment, then code up to an empty line. */
function casesIn(lines: readonly string[]): Case[] {
  const cases: Case[] = []
  for (const [i, line] of lines.entries()) {
    if (!line.startsWith('// → ')) continue
    let end = i + 1
    while (end < lines.length && lines[end] !== '') end++
    cases.push({ what: lines[i - 1]!.slice(3), pinned: line.slice('// → '.length), pinnedAt: i, from: i + 2, to: end })
  }
  return cases
}
