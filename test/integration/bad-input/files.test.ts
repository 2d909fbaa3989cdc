import { createHash } from 'node:crypto'
import { chmod, mkdir, rename, rm, symlink, truncate, unlink, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { gzipSync } from 'node:zlib'
import { expect, it } from 'vitest'
import { postgres } from '../../../src/index.js'
import { asUser } from '../../harness/as-user.js'
import { describePostgres, withDatabase } from '../../harness/database.js'
import { FileJob, type Line } from '../../harness/file-job.js'
import { filesIn } from '../../harness/files-run.js'

const MiB = 1024 * 1024
const numbered = (from: number, to: number) => Array.from({ length: to - from }, (_, i) => `{"id":${from + i}}\n`).join('')
const span = (from: number, to: number) => Array.from({ length: to - from }, (_, i) => from + i)

describePostgres('a file', () => {
  const given = withDatabase()
  const job = (options: Omit<ConstructorParameters<typeof FileJob>[0], 'database'>) =>
    new FileJob({ database: postgres({ connection: given.connection }), ...options })

  it('holds a line of 64 MiB: it fails with its beginning, its length and its hash, its neighbours come', async () => {
    const line = Buffer.alloc(64 * MiB, 'x')
    const root = await filesIn({ in: Buffer.concat([Buffer.from(numbered(0, 3)), line, Buffer.from(`\n${numbered(3, 6)}`)]) })
    const large = job({ root })
    expect((await large.run()).summary).toMatchObject({ delivered: 6, quarantined: 1 })
    const [entry] = await large.entries()
    const message = `the record has ${64 * MiB} bytes, maxRecordBytes is ${8 * MiB}`
    const origin = { partition: 'in', position: 27 }
    const rawSha256 = createHash('sha256').update(line).digest('hex')
    expect(entry).toMatchObject({ origin, rawBytes: 64 * MiB, rawSha256, stage: 'read', error: { code: 'MILL_RECORD_TOO_LARGE', message } })
    expect(Buffer.from(entry!.raw).equals(line.subarray(0, 64 * 1024))).toBe(true)
    expect((await large.run()).summary).toMatchObject({ delivered: 0, quarantined: 0 })
    expect((await large.replay()).summary).toMatchObject({ delivered: 0, reasons: { MILL_QUARANTINE_PREFIX: 1 } })
    const [again] = await large.entries()
    expect(again).toMatchObject({ origin, rawBytes: 64 * MiB, rawSha256, error: { cause: { code: 'MILL_RECORD_TOO_LARGE' } } })
    expect(await large.ids()).toEqual(span(0, 6))
  })

  it('holds a record of 9 MiB that fails: its beginning, length and hash are kept, and a replay says why it cannot help', async () => {
    const line = `{"id":1,"note":${'x'.repeat(9 * MiB)}}`
    const root = await filesIn({ in: `{"id":0}\n${line}\n{"id":2}\n` })
    const large = job({ root, limits: { maxRecordBytes: 16 * MiB } })
    expect((await large.run()).summary).toMatchObject({ delivered: 2, quarantined: 1, reasons: { MILL_VALUE_UNDECODABLE: 1 } })
    const rawSha256 = createHash('sha256').update(line).digest('hex')
    const [entry] = await large.entries()
    expect(entry).toMatchObject({ rawBytes: line.length, rawSha256, error: { code: 'MILL_VALUE_UNDECODABLE' } })
    expect(entry!.error.message.length).toBeLessThan(300)
    expect(Buffer.from(entry!.raw).equals(Buffer.from(line).subarray(0, MiB))).toBe(true)
    expect((await large.replay()).summary).toMatchObject({ delivered: 0, reasons: { MILL_QUARANTINE_PREFIX: 1 } })
    const [again] = await large.entries()
    expect(again).toMatchObject({ rawBytes: line.length, rawSha256, error: { cause: { code: 'MILL_VALUE_UNDECODABLE' } } })
    expect(await large.ids()).toEqual([0, 2])
  })

  it('is empty, is nothing but line ends and blanks, or a byte order mark: nothing comes of it', async () => {
    const root = await filesIn({
      empty: '',
      ends: '\n\r\n\n',
      blanks: '  \n\t\r\n \t ',
      bom: '\ufeff',
      bomAndEnd: '\ufeff\r\n',
      good: '\ufeff{"id":1}\r\n\r\n{"id":2}\n  {"id":3}  \n\n{"id":4}',
    })
    await job({ root }).expectRuns([1, 2, 3, 4], [])
  })

  it('disappears, is truncated or replaced before its turn: the others come, the run says which, and a later run goes on', async () => {
    const root = await filesIn({ a: '{"id":1}\n', b: '{"id":2}\n', c: numbered(10, 20), d: '{"id":3}\n' })
    const changing = job({
      root,
      limits: { maxInFlight: 5_000, maxInFlightBytes: 1 },
      toRow: async ({ id }: Line) => {
        if (id === 1) await unlink(join(root, 'b'))
        return { id }
      },
    })
    const first = await changing.run()
    expect(first.error).toMatchObject({
      code: 'MILL_FILE_CHANGED',
      message: 'b changed while it was being read: it was there when the run began and is not now',
    })
    expect(await changing.ids()).toEqual([1, 3, ...span(10, 20)])
    await truncate(join(root, 'c'), 50)
    const shorter = await changing.run()
    expect(shorter.error).toMatchObject({
      code: 'MILL_LEDGER_AHEAD',
      message: expect.stringMatching(/^source files, partition c: the ledger covers .*; nothing was read$/),
    })
    await writeFile(join(root, 'c'), numbered(30, 60))
    const replaced = await changing.run()
    expect(replaced.error).toMatchObject({ code: 'MILL_LEDGER_AHEAD', details: { partition: 'c' } })
    await rename(join(root, 'c'), join(root, 'e'))
    expect((await changing.run()).summary).toMatchObject({ delivered: 30 })
    expect(await changing.ids()).toEqual([1, 3, ...span(10, 20), ...span(30, 60)])
    expect(await changing.entries()).toEqual([])
  })

  it('is truncated while it is read: what was whole is there once, and the run says so', async () => {
    const lines = Array.from({ length: 20_000 }, (_, id) => `{"id":${id},"note":"${'x'.repeat(100)}"}\n`)
    const root = await filesIn({ a: lines.join(''), b: '{"id":-1}\n' })
    let isTruncated = false
    const truncated = job({
      root,
      limits: { maxInFlight: 5_000, maxInFlightBytes: 64 * 1024 },
      toRow: async (line: Line) => {
        if (!isTruncated) {
          isTruncated = true
          await truncate(join(root, 'a'), lines.slice(0, 10_000).join('').length + 20)
        }
        return line
      },
    })
    expect((await truncated.run()).error).toMatchObject({ code: 'MILL_FILE_CHANGED', details: { path: 'a' } })
    expect(await truncated.entries()).toEqual([])
    const ids = await truncated.ids()
    expect(ids).toEqual(span(-1, ids.length - 1))
    await writeFile(join(root, 'a'), lines.join(''))
    expect((await truncated.run()).summary).toMatchObject({ delivered: 20_000 - ids.length + 1 })
    expect(await truncated.ids()).toEqual(span(-1, 20_000))
  })

  it('is a gzip file cut off or damaged: what comes before is there once, also after it was mended', async () => {
    const content = numbered(0, 30_000)
    const whole = gzipSync(content, { level: 1 })
    const damaged = Buffer.from(whole)
    damaged.fill(0xff, whole.length >> 1, (whole.length >> 1) + 20)
    const root = await filesIn({
      'a.gz': whole.subarray(0, whole.length - 9),
      'b.gz': gzipSync('{"id":-1}\n'),
      'c.gz': 'no gzip',
      'd.gz': '',
    })
    const zipped = job({ root, paths: ['a.gz', 'b.gz'] })
    const cut = await zipped.run()
    expect(cut.error).toMatchObject({
      code: 'MILL_FILE_CORRUPT',
      message: expect.stringMatching(/^a\.gz is damaged after byte \d+: unexpected end of file$/),
    })
    const ids = await zipped.ids()
    expect(ids.length).toBeGreaterThan(29_000)
    expect(ids).toEqual(span(-1, ids.length - 1))
    await writeFile(join(root, 'a.gz'), damaged)
    expect((await zipped.run()).error).toMatchObject({ code: 'MILL_FILE_CORRUPT', details: { path: 'a.gz' } })
    expect(await zipped.ids()).toEqual(ids)
    await writeFile(join(root, 'a.gz'), whole)
    expect((await zipped.run()).error).toBe(undefined)
    expect(await zipped.ids()).toEqual(span(-1, 30_000))
    expect(await zipped.entries()).toEqual([])
    for (const path of ['c.gz', 'd.gz'])
      expect((await job({ root, paths: path }).run()).error).toMatchObject({ code: 'MILL_FILE_CORRUPT', details: { path } })
  })

  it('lies in a directory without rights, or is a directory, a pipe or a link: the others come', async () => {
    const root = await filesIn({ a: '{"id":1}', 'locked-file': '{"id":2}', d: '{"id":4}' })
    await mkdir(join(root, 'locked'))
    await mkdir(join(root, 'folder'))
    await writeFile(join(root, 'locked', 'in'), '{"id":3}')
    await symlink(join(root, 'd'), join(root, 'link'))
    await symlink(join(root, 'nowhere'), join(root, 'broken'))
    await chmod(join(root, 'locked-file'), 0)
    await chmod(join(root, 'locked'), 0)
    await chmod(root, 0o755)
    const barred = job({ root })
    await asUser('nobody', async () => {
      expect((await barred.run()).error).toMatchObject({
        code: 'MILL_FILE_UNREADABLE',
        message: expect.stringMatching(/^locked(-file)? cannot be read: there is no permission to read it$/),
      })
      expect(await barred.ids()).toEqual([1, 4])
      expect((await job({ root, paths: 'locked/*' }).run()).error).toMatchObject({ code: 'MILL_FILE_UNREADABLE' })
    })
    await chmod(join(root, 'locked'), 0o755)
    await chmod(join(root, 'locked-file'), 0o644)
    expect((await barred.run()).error).toBe(undefined)
    expect(await barred.ids()).toEqual([1, 2, 3, 4])
  })

  it('has any name that a file system takes: it is read, known again, and told apart from its neighbours', async () => {
    const names = [
      `it's`, `"quoted"`, 'new\nline', 'tab\t', 'back\\slash', `'); drop table millrace_ledger; --`, 'Ünïcodé', 'U\u0308', 'Ü', '日本語', '😀', 'space ', ' lead',
      '[a].ndjson', '{a,b}', '(x)', '!not', 'a*b', 'a?b', '$rows', '$1', '%s', '-dash', '~', '#hash', '\u202e', 'x'.repeat(255), 'á', 'a\u0301', 'E\\x', '@', '+(a)', '__proto__', 'constructor',
    ] // biome-ignore format: a list of names
    const files = Object.fromEntries([...new Set(names)].map((name, id) => [name, `{"id":${id}}\n{"id":"bad"}\n`]))
    const root = await filesIn({})
    for (const [name, content] of Object.entries(files)) await writeFile(join(root, name), content)
    await writeFile(join(root, '__proto__'), `{"id":-1}\n{"id":"bad"}\n`)
    const named = job({ root, paths: '*' })
    const { summary, error } = await named.run()
    expect(error).toBe(undefined)
    const ids = await named.ids()
    expect(summary).toMatchObject({ delivered: ids.length, quarantined: ids.length })
    const partitions = (await named.entries()).map(({ origin }) => origin.partition)
    expect(partitions.sort()).toEqual(names.sort())
    expect((await named.run()).summary).toMatchObject({ delivered: 0, quarantined: 0 })
    await rm(root, { recursive: true })
  })

  it('has a name that is no UTF-8: the run says so, the others come', async () => {
    const root = await filesIn({ a: '{"id":1}' })
    await writeFile(Buffer.concat([Buffer.from(`${root}/b`), Buffer.of(0xff)]), '{"id":2}')
    const odd = job({ root })
    expect((await odd.run()).error).toMatchObject({
      code: 'MILL_FILE_UNREADABLE',
      message: 'b\ufffd cannot be read: it is not there under this name: where that has \ufffd, the name on the disk is not UTF-8',
    })
    expect(await odd.ids()).toEqual([1])
  })
})
