import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdir, mkdtemp, readdir, rm, utimes, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from 'vitest'
import { fileQuarantine } from '../../../../src/stores/quarantine-file.js'
import { bundle } from '../../../harness/bundle.js'
import { entriesOf, failureAt, putFailures } from '../../../harness/failures.js'

const kills = process.env['MILLRACE_LONG'] ? 100 : 8

let child: Awaited<ReturnType<typeof bundle>>
beforeAll(async () => {
  child = await bundle('test/unit/stores/quarantine-file/putting.ts')
})
afterAll(() => child.remove())

let directory: string
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'millrace-kills-'))
})
afterEach(() => rm(directory, { recursive: true, force: true }))

test('a process killed while it writes leaves what was durable, once, and no half entry', { timeout: 120_000 }, async () => {
  const durable = new Set<number>()
  for (let i = 0; i < kills; i++) {
    const puts = 1 + (i % 4)
    for (const line of await linesUntilKilled(directory, puts)) for (const position of line.split(' ')) durable.add(Number(position))
    const entries = await entriesOf(fileQuarantine(directory))
    const positions = entries.map(({ origin }) => origin.position)
    expect(new Set(positions).size).toBe(positions.length)
    for (const position of durable) expect(positions).toContain(position)
    for (const { raw, origin } of entries) expect(Buffer.from(raw).toString()).toBe(`${origin.position} `.repeat(4_000))
  }
  const all = await entriesOf(fileQuarantine(directory))
  await fileQuarantine(directory).release(all.map(({ id }) => id))
  expect(await entriesOf(fileQuarantine(directory))).toEqual([])
  expect((await readdir(directory)).filter(file => file.endsWith('.json'))).toEqual([])
})

test('a disk that takes no more is a clear error, and leaves no half entry', async () => {
  // Files may not grow above 8 KiB in this process, and the signal is ignored: a write then fails, as it does on a full disk.
  const script = `trap '' XFSZ; ulimit -f 16; exec "$0" "$@"`
  const shell = spawn('/bin/sh', ['-c', script, process.execPath, child.program, directory, '1'])
  const lines: string[] = []
  createInterface({ input: shell.stdout }).on('line', line => lines.push(line))
  await once(shell, 'close')
  expect(lines.join('\n')).toMatch(/^MILL_STORE_FAILED: quarantine in .* failed in put: EFBIG/)
  expect(await readdir(directory)).toEqual([])
})

test('a directory that cannot be made is a clear error', async () => {
  await writeFile(join(directory, 'file'), '')
  const quarantine = fileQuarantine(join(directory, 'file', 'quarantine'))
  await expect(putFailures(quarantine, [failureAt(1)])).rejects.toMatchObject({ code: 'MILL_STORE_FAILED', retryable: false })
  await expect(putFailures(fileQuarantine(join(directory, 'file')), [failureAt(1)])).rejects.toMatchObject({ code: 'MILL_STORE_FAILED' })
})

test('a file that is no entry is named', async () => {
  const quarantine = fileQuarantine(directory)
  await putFailures(quarantine, [failureAt(1)])
  const [file] = await readdir(directory)
  await writeFile(join(directory, file!), '{"half":')
  await expect(entriesOf(quarantine)).rejects.toMatchObject({
    code: 'MILL_STORE_FAILED',
    message: expect.stringContaining(`${file} is not an entry`),
  })
})

test('a put that fails leaves no drafts of the others: tried again and again they would fill the disk', async () => {
  const quarantine = fileQuarantine(directory)
  await putFailures(quarantine, [failureAt(0, 'beginning', { rawBytes: 9_999, rawSha256: 'ab' })])
  const [entry] = await readdir(directory)
  await writeFile(join(directory, entry!), 'not an entry')
  const session = await quarantine.open({ pipeline: 'test' })
  const failures = [failureAt(0, 'beginning', { rawBytes: 9_999 }), failureAt(1), failureAt(2)]
  for (let i = 0; i < 3; i++) await expect(session.put(failures)).rejects.toMatchObject({ code: 'MILL_STORE_FAILED' })
  expect(await readdir(directory)).toEqual([entry])
})

test('what is not its own it leaves alone; drafts of the dead it removes', async () => {
  await mkdir(join(directory, 'folder'))
  const name = `${'0'.repeat(15)}-000000-00000000-${'0'.repeat(32)}`
  for (const file of ['notes.json', 'README', `${name}.draft`, `${name.replaceAll('0', '1')}.draft`])
    await writeFile(join(directory, file), 'x')
  const long = new Date('2020-01-01')
  await utimes(join(directory, `${name}.draft`), long, long)
  await putFailures(fileQuarantine(directory), [failureAt(1)])
  expect(await entriesOf(fileQuarantine(directory))).toHaveLength(1)
  const left = (await readdir(directory)).filter(file => !/^\d{15}-\d{6}-[0-9a-f-]+\.json$/.test(file))
  expect(left.sort()).toEqual(['README', 'folder', 'notes.json', `${name.replaceAll('0', '1')}.draft`].sort())
})

test('release reaches nothing outside its directory', async () => {
  await writeFile(join(directory, 'outside.json'), '')
  const inside = join(directory, 'inside')
  await putFailures(fileQuarantine(inside), [failureAt(1)])
  await fileQuarantine(inside).release(['../outside', '../outside.json', '', '.', '..'])
  expect(await readdir(directory)).toEqual(['inside', 'outside.json'])
})

/** What the child said, which is killed a moment after that many puts: somewhere within the next. */
async function linesUntilKilled(where: string, puts: number): Promise<string[]> {
  const running = spawn(process.execPath, [child.program, where], { stdio: ['ignore', 'pipe', 'inherit'] })
  const lines: string[] = []
  createInterface({ input: running.stdout }).on('line', line => {
    lines.push(line)
    if (lines.length === puts) running.kill('SIGKILL')
  })
  await once(running, 'close')
  return lines
}
