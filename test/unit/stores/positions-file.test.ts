import { type ChildProcess, execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { filePositions } from '../../../src/index.js'
import { bundle } from '../../harness/bundle.js'

const entry = (partition: string, next: number, mark: string | null = null) => ({ source: 'files', partition, next, mark })
/** Writes its third argument's partitions at 1, 2, 3, … and says each that is durable, or the error. */
const writer = 'test/unit/stores/positions-writer.ts'

let directory: string
let program: string
let remove: () => Promise<void>

beforeAll(async () => {
  ;({ program, remove } = await bundle(writer))
})
afterAll(() => remove())
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'millrace-positions-'))
})
afterEach(() => rm(directory, { recursive: true, force: true }))

/** False where this process may not mount. */
function mountSmallDisk(path: string): boolean {
  try {
    execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=64k', 'tmpfs', path], { stdio: 'ignore' })
    return true
  } catch {
    return false
  }
}

async function linesOf(child: ChildProcess, until: (line: string) => boolean): Promise<string[]> {
  const lines: string[] = []
  for await (const line of createInterface({ input: child.stdout! })) {
    lines.push(line)
    if (until(line)) break
  }
  return lines
}

describe('filePositions', () => {
  it('names its file after the pipeline, and leaves nothing else', async () => {
    const session = await filePositions(directory).open({ pipeline: 'sign ups/ü' })
    await session.write([entry('a', 1)])
    expect(await readdir(directory)).toEqual([expect.stringMatching(/^sign_ups_-[0-9a-f]{8}\.positions\.json$/)])
  })

  it.each([
    ['no JSON', '{"version":1,"posi'],
    ['nothing', ''],
    ['null', 'null'],
    ['another version', '{"version":2,"positions":[]}'],
    ['a position that is none', '{"version":1,"positions":[{"source":"files","partition":"a","next":"7","mark":null}]}'],
  ])('refuses a damaged file, naming it, and leaves it as it is: %s', async (_, text) => {
    await (await filePositions(directory).open({ pipeline: 'test' })).write([entry('a', 1)])
    const path = join(directory, (await readdir(directory))[0]!)
    await writeFile(path, text)
    const error = await filePositions(directory)
      .open({ pipeline: 'test' })
      .catch(error => error)
    expect(error).toMatchObject({ code: 'MILL_STORE_FAILED', retryable: false })
    expect(error.message).toContain(path)
    expect(await readFile(path, 'utf8')).toBe(text)
  })

  it('cannot be opened where a file is in the way', async () => {
    await writeFile(join(directory, 'taken'), '')
    const open = filePositions(join(directory, 'taken')).open({ pipeline: 'test' })
    await expect(open).rejects.toMatchObject({ code: 'MILL_STORE_FAILED' })
  })

  it('is whole, and at what it said last or further, whenever its process is killed', async () => {
    for (let round = 0; round < 10; round++) {
      const child = spawn(process.execPath, [program, directory, '50'], { stdio: ['ignore', 'pipe', 'inherit'] })
      const exit = once(child, 'exit')
      const stopAt = 3 + round * 2
      const lines = await linesOf(child, line => Number(line.split(' ')[1]) % 1_000 >= stopAt)
      child.kill('SIGKILL')
      await exit
      const durable = Number(lines.at(-1)!.split(' ')[1])
      const session = await filePositions(directory).open({ pipeline: 'test' })
      const kept = await Promise.all(Array.from({ length: 50 }, (_, i) => session.read('files', `part-${i}`)))
      const nexts = new Set(kept.map(position => position!.next))
      expect(nexts.size, 'entries of one write are kept together').toBe(1)
      expect([...nexts][0]).toBeGreaterThanOrEqual(durable)
    }
  })

  it('keeps the positions before where the new ones do not fit, and says so', async () => {
    await (await filePositions(directory).open({ pipeline: 'test' })).write([entry('before', 7)])
    // The shell's unit is 1,024 bytes: 2,000 partitions do not fit into 8 KiB.
    const child = spawn('bash', ['-c', `ulimit -f 8; exec "$0" "$@"`, process.execPath, program, directory, '2000'], {
      stdio: ['ignore', 'pipe', 'inherit'],
    })
    const exit = once(child, 'exit')
    const [line] = await linesOf(child, () => true)
    await exit
    expect(line).toMatch(/^failed MILL_STORE_FAILED false the file of positions .* failed in write: EFBIG/)
    const session = await filePositions(directory).open({ pipeline: 'test' })
    expect(await session.read('files', 'before')).toMatchObject({ next: 7 })
    expect(await readdir(directory)).toHaveLength(1)
  })

  it('can go again on a full disk, and the positions before stay', async ({ skip }) => {
    skip(!mountSmallDisk(directory), 'a small disk can only be mounted by root')
    try {
      const session = await filePositions(directory).open({ pipeline: 'test' })
      await session.write([entry('a', 1)])
      await writeFile(join(directory, 'filler'), Buffer.alloc(128 * 1024)).catch(() => {})
      await expect(session.write([entry('a', 2)])).rejects.toMatchObject({ code: 'MILL_STORE_FAILED', retryable: true })
      expect(await session.read('files', 'a')).toMatchObject({ next: 1 })
      const again = await filePositions(directory).open({ pipeline: 'test' })
      expect(await again.read('files', 'a')).toMatchObject({ next: 1 })
      await rm(join(directory, 'filler'))
      await session.write([entry('a', 2)])
      expect(await (await filePositions(directory).open({ pipeline: 'test' })).read('files', 'a')).toMatchObject({ next: 2 })
    } finally {
      execFileSync('umount', [directory])
    }
  })
})
