import { execFile } from 'node:child_process'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import { expect, it } from 'vitest'
import { root } from '../../harness/source-files.js'

interface Report {
  readonly testResults: readonly {
    readonly assertionResults: readonly { readonly title: string; readonly status: string; readonly failureMessages: readonly string[] }[]
  }[]
}

const vitest = join(dirname(createRequire(import.meta.url).resolve('vitest/package.json')), 'vitest.mjs')

it('a test that leaves something behind fails, and says what', async () => {
  const options = ['run', '--root', root, '--config', 'test/harness/fixtures/vitest.config.ts', '--reporter=json']
  const output = await new Promise<string>(resolve => {
    execFile(process.execPath, [vitest, ...options], { cwd: root }, (_, stdout) => resolve(stdout))
  })
  const { testResults } = JSON.parse(output.slice(output.indexOf('{'))) as Report
  const said = testResults.flatMap(file =>
    file.assertionResults.map(({ title, status, failureMessages }) => [title, status, failureMessages[0] ?? '']),
  )
  expect(said).toEqual([
    ['timer', 'failed', expect.stringContaining('a timer at')],
    ['server', 'failed', expect.stringContaining('TCPServerWrap')],
    ['process', 'failed', expect.stringContaining('ProcessWrap')],
    ['file', 'failed', expect.stringContaining('open file')],
    ['nothing', 'passed', ''],
  ])
}, 60_000)
