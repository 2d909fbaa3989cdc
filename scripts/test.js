// The whole test: lint, types, then all tests, real servers included. `--long` runs the long forms of the chaos and property tests.
// `--kafka4` runs the tests on Kafka alone, on Apache Kafka 4 (a `KAFKA_VERSION` that is set already wins).
// The steps go on after a failure, so that one run shows all that is wrong. The last lines say how it ended.
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

const root = join(dirname(fileURLToPath(import.meta.url)), '..')
const require = createRequire(import.meta.url)
const isLong = process.argv.includes('--long')
const isKafka4 = process.argv.includes('--kafka4')
const kafkaVersion = process.env.KAFKA_VERSION || '4.3.1'
// How every secret begins that a test hands to the library, to a command or to a server (test/harness/seeded-secrets.ts).
const SECRET = 's3cr3t-'
const env = {
  ...process.env,
  MILLRACE_SUITE_PASSWORD: `${SECRET}of-the-suite`,
  ...(isLong && { MILLRACE_LONG: '1' }),
  ...(isKafka4 && { KAFKA_VERSION: kafkaVersion }),
}
const scratch = mkdtempSync(join(tmpdir(), 'millrace-test-'))
const report = join(scratch, 'report.json')
const started = performance.now()

let secretsSaid = 0

/** Runs the command of a package; true when it succeeded. All that it and its children say is searched for secrets. */
async function step(name, packageName, program, ...args) {
  const begun = performance.now()
  const path = join(dirname(require.resolve(`${packageName}/package.json`)), program)
  // A pipe is no terminal; the colors of one are wanted all the same.
  const colors = process.stdout.isTTY && !('NO_COLOR' in env) && { FORCE_COLOR: '1' }
  const child = spawn(process.execPath, [path, ...args], { cwd: root, env: { ...env, ...colors }, stdio: ['inherit', 'pipe', 'pipe'] })
  searched(child.stdout, process.stdout)
  searched(child.stderr, process.stderr)
  const ended = await once(child, 'close').then(
    ([status, signal]) => (status === 0 ? 'ok' : `FAILED (${signal ? `signal ${signal}` : `exit status ${status}`})`),
    error => `FAILED (${error.message})`,
  )
  console.log(`\n${name}: ${ended}, ${seconds(begun)}\n`)
  return ended === 'ok'
}

/** Passes on what is said, and counts the secrets in it, those cut by two chunks included. */
function searched(from, to) {
  let before = ''
  from.setEncoding('utf8').on('data', text => {
    secretsSaid += (before + text).split(SECRET).length - 1
    before = text.slice(-(SECRET.length - 1))
    to.write(text)
  })
}

const seconds = since => `${((performance.now() - since) / 1_000).toFixed(1)} s`

/** What the tests say of themselves; null when they could not even begin. */
function counts() {
  try {
    const { numPassedTests, numFailedTests, numPendingTests, numTodoTests } = JSON.parse(readFileSync(report, 'utf8'))
    return { passed: numPassedTests, failed: numFailedTests, skipped: numPendingTests + numTodoTests }
  } catch {
    return null
  }
}

const failed = []
if (!isKafka4 && !(await step('lint', '@biomejs/biome', 'bin/biome', 'check', '.'))) failed.push('lint')
if (!isKafka4 && !(await step('types', 'typescript', 'bin/tsc', '-p', 'tsconfig.json'))) failed.push('types')
const reporters = ['--reporter=default', '--reporter=json', `--outputFile.json=${report}`]
if (!(await step('tests', 'vitest', 'vitest.mjs', 'run', ...reporters, ...(isKafka4 ? ['--project', 'kafka'] : [])))) failed.push('tests')

if (secretsSaid > 0) failed.push(`secrets (${secretsSaid} times a text that begins with ${SECRET.slice(0, -1)})`)

const tests = counts()
rmSync(scratch, { recursive: true, force: true })
if (tests === null && !failed.includes('tests')) failed.push('tests (no report)')
if (tests !== null && tests.skipped > 0) console.log(`NOT TESTED: ${tests.skipped} tests were skipped; the reasons stand above`)
const outcome = failed.length === 0 ? 'passed' : `FAILED in ${failed.join(', ')}`
const name = isKafka4 ? 'npm run test:kafka4' : 'npm test'
console.log(`${name} ${outcome} in ${seconds(started)}${isLong ? ' (long)' : ''}`)
if (tests !== null) console.log(`tests: ${tests.passed} passed, ${tests.failed} failed, ${tests.skipped} skipped`)
process.exitCode = failed.length === 0 ? 0 : 1
