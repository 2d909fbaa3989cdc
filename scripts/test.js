// The whole test: lint, types, then all tests, real servers included. `--long` runs the long forms of the chaos and property tests.
// `--kafka4` runs the tests on Kafka alone, on Apache Kafka 4 (a `KAFKA_VERSION` that is set already wins).
// The steps go on after a failure, so that one run shows all that is wrong. The last lines say how it ended.
import { spawnSync } from 'node:child_process'
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
const env = { ...process.env, ...(isLong && { MILLRACE_LONG: '1' }), ...(isKafka4 && { KAFKA_VERSION: kafkaVersion }) }
const scratch = mkdtempSync(join(tmpdir(), 'millrace-test-'))
const report = join(scratch, 'report.json')
const started = performance.now()

/** Runs the command of a package; true when it succeeded. */
function step(name, packageName, program, ...args) {
  const begun = performance.now()
  const path = join(dirname(require.resolve(`${packageName}/package.json`)), program)
  const { status, signal, error } = spawnSync(process.execPath, [path, ...args], { cwd: root, env, stdio: 'inherit' })
  const failed = status !== 0
  const ended = failed ? `FAILED (${error ? error.message : signal ? `signal ${signal}` : `exit status ${status}`})` : 'ok'
  console.log(`\n${name}: ${ended}, ${seconds(begun)}\n`)
  return !failed
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
if (!isKafka4 && !step('lint', '@biomejs/biome', 'bin/biome', 'check', '.')) failed.push('lint')
if (!isKafka4 && !step('types', 'typescript', 'bin/tsc', '-p', 'tsconfig.json')) failed.push('types')
const reporters = ['--reporter=default', '--reporter=json', `--outputFile.json=${report}`]
if (!step('tests', 'vitest', 'vitest.mjs', 'run', ...reporters, ...(isKafka4 ? ['--project', 'kafka'] : []))) failed.push('tests')

const tests = counts()
rmSync(scratch, { recursive: true, force: true })
if (tests === null && !failed.includes('tests')) failed.push('tests (no report)')
if (tests !== null && tests.skipped > 0) console.log(`NOT TESTED: ${tests.skipped} tests were skipped; the reasons stand above`)
const outcome = failed.length === 0 ? 'passed' : `FAILED in ${failed.join(', ')}`
const name = isKafka4 ? 'npm run test:kafka4' : 'npm test'
console.log(`${name} ${outcome} in ${seconds(started)}${isLong ? ' (long)' : ''}`)
if (tests !== null) console.log(`tests: ${tests.passed} passed, ${tests.failed} failed, ${tests.skipped} skipped`)
process.exitCode = failed.length === 0 ? 0 : 1
