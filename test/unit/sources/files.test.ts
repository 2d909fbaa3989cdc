import { mkdir, rename, symlink, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { gzipSync } from 'node:zlib'
import { describe, expect, it } from 'vitest'
import { type FilesSourceOptions, filesSource, memoryPositions } from '../../../src/index.js'
import { FilesRun, filesIn } from '../../harness/files-run.js'

const contents = {
  ndjson: '\ufeff\n{"a":1}\r\n\n \n{"a":22}\n{"ü":3}',
  json: '\ufeff [ {"a":1},\n\n{"a":22} ,"ü]", 4\n] \n',
  csv: '\ufeffa,b\r\n1,2\r\n\r\n"3\n3",4\r\n5,"ü"',
} as const
const values = {
  ndjson: ['{"a":1}', '{"a":22}', '{"ü":3}'],
  json: ['{"a":1}', '{"a":22}', '"ü]"', '4'],
  csv: ['a,b\n1,2', 'a,b\n"3\n3",4', 'a,b\n5,"ü"'],
} as const
const formats = ['ndjson', 'json', 'csv'] as const
const each = formats.flatMap(format => [[format, false] as const, [format, true] as const])

describe('filesSource', () => {
  it.each(each)('gives the records of %s, gzip: %s, with positions that have no gaps', async (format, isGzip) => {
    const content = Buffer.from(contents[format])
    const root = await filesIn({ in: isGzip ? gzipSync(content) : content })
    const run = await FilesRun.open({ root, paths: 'in', format })
    expect(await run.rest()).toBe(undefined)
    expect(run.values).toEqual(values[format])
    for (const [i, { position, next, value }] of run.records.entries()) {
      const own = format === 'csv' ? Buffer.from(value).subarray(4) : Buffer.from(value)
      expect(content.subarray(position as number, (position as number) + own.length).equals(own)).toBe(true)
      expect(next).toBe(run.records[i + 1]?.position ?? content.length)
    }
    expect(run.events).toEqual(['assigned in', `advanced in to ${run.records[0]!.position}`])
  })

  it.each(each)('goes on at every position of %s, gzip: %s', async (format, isGzip) => {
    const content = Buffer.from(contents[format])
    const root = await filesIn({ in: isGzip ? gzipSync(content) : content })
    const whole = await FilesRun.open({ root, paths: 'in', format })
    await whole.rest()
    for (const [i, { next }] of whole.records.entries()) {
      const byLedger = await FilesRun.open({ root, paths: 'in', format }, { ledger: { in: next! } })
      expect(await byLedger.rest()).toBe(undefined)
      expect(byLedger.records).toEqual(whole.records.slice(i + 1))
      expect(byLedger.events).toEqual(['assigned in'])

      const positions = memoryPositions()
      const first = await FilesRun.open({ root, paths: 'in', format, positions })
      while (first.records.length <= i) await first.read(1)
      await first.session.commit!([{ partition: 'in', next: next! }])
      const second = await FilesRun.open({ root, paths: 'in', format, positions })
      expect(await second.rest()).toBe(undefined)
      expect(second.records).toEqual(whole.records.slice(i + 1))
      expect(second.events).toEqual(['assigned in', `advanced in to ${next}`])
    }
  })

  it('goes on within files of many chunks', async () => {
    const lines = Array.from({ length: 40_000 }, (_, n) => `{"n":${n},"text":"${'x'.repeat(n % 50)}"}`)
    const content = `${lines.join('\n')}\n`
    const root = await filesIn({ plain: content, gzip: gzipSync(content) })
    const whole = await FilesRun.open({ root, paths: 'plain', format: 'ndjson' })
    await whole.rest()
    expect(whole.values).toEqual(lines)
    for (const i of [0, 7_777, 20_000, 39_998]) {
      const { next } = whole.records[i]!
      const rest = await FilesRun.open({ root, paths: '*', format: 'ndjson' }, { ledger: { plain: next!, gzip: next! } })
      expect(await rest.rest()).toBe(undefined)
      expect(rest.values).toEqual([...lines.slice(i + 1), ...lines.slice(i + 1)])
    }
  })

  it('reads on what was appended, and knows the file again', async () => {
    const root = await filesIn({ in: 'a\nb\n' })
    const positions = memoryPositions()
    const first = await FilesRun.open({ root, paths: 'in', format: 'ndjson', positions })
    await first.rest()
    await first.session.commit!([{ partition: 'in', next: 4 }])
    await writeFile(join(root, 'in'), `${'a\nb\n'}c\n`)
    const second = await FilesRun.open({ root, paths: 'in', format: 'ndjson', positions })
    expect(await second.rest()).toBe(undefined)
    expect(second.texts).toEqual(['in@4 c'])
  })

  it('without ledger and positions begins at the beginning, and has nothing to commit', async () => {
    const root = await filesIn({ in: 'a\n' })
    for (let run = 0; run < 2; run++) {
      const { session, texts } = await FilesRun.open({ root, paths: 'in', format: 'ndjson' }).then(async run => {
        await run.rest()
        return run
      })
      expect(texts).toEqual(['in@0 a'])
      expect(session.commit).toBe(undefined)
    }
  })

  it('asks no positions where the sink keeps the ledger', async () => {
    const root = await filesIn({ in: 'a\n' })
    const positions = { name: 'none', open: () => Promise.reject(new Error('asked')) }
    const run = await FilesRun.open({ root, paths: 'in', format: 'ndjson', positions }, { ledger: {} })
    expect(await run.rest()).toBe(undefined)
    expect(run.session.commit).toBe(undefined)
  })

  it('reads files sorted by name, each once, with partitions relative to the root', async () => {
    const root = await filesIn({ 'b.x': 'b', 'a.x': 'a', 'c.y': 'c' })
    await mkdir(join(root, 'a', 'deep'), { recursive: true })
    await writeFile(join(root, 'a', 'deep', 'd.x'), 'd')
    const run = await FilesRun.open({ root, paths: ['**/*.x', './b.x', join(root, 'c.y')], format: 'ndjson' })
    await run.rest()
    expect(run.texts).toEqual(['a.x@0 a', 'a/deep/d.x@0 d', 'b.x@0 b', 'c.y@0 c'])
  })

  it('names files above the root too', async () => {
    const root = await filesIn({ 'a.x': 'a' })
    await mkdir(join(root, 'below'))
    const run = await FilesRun.open({ root: join(root, 'below'), paths: '../*.x', format: 'ndjson' })
    await run.rest()
    expect(run.texts).toEqual(['../a.x@0 a'])
  })

  it('reads hidden files only where the pattern says so, and no directory', async () => {
    const root = await filesIn({ '.hidden': 'hidden', plain: 'plain' })
    await mkdir(join(root, 'directory'))
    const texts = async (paths: string) => {
      const run = await FilesRun.open({ root, paths, format: 'ndjson' })
      await run.rest()
      return run.texts
    }
    expect(await texts('*')).toEqual(['plain@0 plain'])
    expect(await texts('.*')).toEqual(['.hidden@0 hidden'])
    await expect(texts('directory')).rejects.toMatchObject({ code: 'MILL_FILE_NOT_FOUND' })
  })

  it('follows links only where it is told to', async () => {
    const root = await filesIn({ plain: 'plain' })
    await mkdir(join(root, 'real'))
    await writeFile(join(root, 'real', 'file'), 'file')
    await symlink(join(root, 'plain'), join(root, 'to-file'))
    await symlink(join(root, 'real'), join(root, 'to-directory'))
    const texts = async (paths: string | string[], followLinks: boolean) => {
      const run = await FilesRun.open({ root, paths, format: 'ndjson', followLinks })
      await run.rest()
      return run.texts
    }
    expect(await texts('**', false)).toEqual(['plain@0 plain', 'real/file@0 file'])
    expect(await texts(['plain', 'to-directory/*', 'to-file'], false)).toEqual(['plain@0 plain'])
    await expect(texts('to-file', false)).rejects.toMatchObject({ code: 'MILL_FILE_NOT_FOUND' })
    expect(await texts(['to-directory/*', 'to-file'], true)).toEqual(['to-directory/file@0 file', 'to-file@0 plain'])
  })

  it('reads a file once, under its own name, however many links lead to it, also in a circle', async () => {
    const root = await filesIn({ file: 'file' })
    await mkdir(join(root, 'a'))
    await symlink(join(root, 'file'), join(root, 'a', 'link'))
    await symlink(root, join(root, 'a', 'circle'))
    const run = await FilesRun.open({ root, paths: '**', format: 'ndjson', followLinks: true })
    await run.rest()
    expect(run.texts).toEqual(['file@0 file'])
  })

  it('does not follow a link that took the place of a file after the start', async () => {
    const root = await filesIn({ a: 'a', b: 'b', secret: 'secret' })
    const run = await FilesRun.open({ root, paths: ['a', 'b'], format: 'ndjson' })
    await rename(join(root, 'b'), join(root, 'c'))
    await symlink(join(root, 'secret'), join(root, 'b'))
    expect(await run.rest()).toMatchObject({ code: 'MILL_FILE_UNREADABLE', message: expect.stringContaining('b cannot be read') })
    expect(run.texts).toEqual(['a@0 a'])
  })

  it('gives no more records and about no more bytes than asked for, and a larger record alone', async () => {
    const root = await filesIn({ in: `${'x'.repeat(50)}\n`.repeat(5) + `${'y'.repeat(500)}\n` + `${'z'.repeat(50)}\n`.repeat(5) })
    const run = await FilesRun.open({ root, paths: 'in', format: 'ndjson' })
    const sizes: number[] = []
    for (let batch = await run.read(3, 1_000); batch !== undefined; batch = await run.read(3, 120)) sizes.push(batch.length)
    expect(sizes).toEqual([3, 2, 1, 2, 2, 1])
  })

  it.each([
    ['an empty file', '', ['assigned in']],
    ['blank lines', '\n \n', ['assigned in', 'advanced in to 3']],
  ])('gives no record of %s, and tells how far it is', async (_, content, events) => {
    const root = await filesIn({ in: content })
    const run = await FilesRun.open({ root, paths: 'in', format: 'ndjson' })
    expect(await run.rest()).toBe(undefined)
    expect(run.records).toEqual([])
    expect(run.events).toEqual(events)
  })

  it('gives no record of a header row alone, of an empty array, or of nothing', async () => {
    const root = await filesIn({
      'a.csv': 'a,b\n',
      'b.csv': '',
      'a.json': ' [ ]\n',
      'b.json': '',
      'c.json': '\ufeff',
      'c.csv.gz': gzipSync(''),
    })
    for (const format of ['csv', 'json'] as const) {
      const run = await FilesRun.open({ root, paths: `*.${format}{,.gz}`, format })
      expect(await run.rest()).toBe(undefined)
      expect(run.records).toEqual([])
    }
  })

  it('tells what is left to read', async () => {
    const root = await filesIn({ 'a.x': 'a\nb\nc\n', 'b.x': 'b\n', 'c.gz': gzipSync('c\n') })
    const run = await FilesRun.open({ root, paths: '*', format: 'ndjson' })
    const lag = () => [...run.session.lag!()].map(entry => entry.join(' '))
    expect(lag()).toEqual(['a.x 6', 'b.x 2'])
    await run.read(1)
    expect(lag()).toEqual(['a.x 4', 'b.x 2'])
    await run.rest()
    expect(lag()).toEqual(['a.x 0', 'b.x 0', 'c.gz 0'])
  })

  it('stops at once when its read is aborted, and goes on with the next', async () => {
    const root = await filesIn({ in: 'a\nb\n' })
    const run = await FilesRun.open({ root, paths: 'in', format: 'ndjson' })
    await expect(run.session.read({ records: 1, bytes: 1 }, AbortSignal.abort(new Error('enough')))).rejects.toThrow('enough')
    await run.rest()
    expect(run.texts).toEqual(['in@0 a', 'in@2 b'])
  })

  it('waits for a read under way when it is closed', async () => {
    const root = await filesIn({ in: 'a\n'.repeat(1_000_000) })
    const run = await FilesRun.open({ root, paths: 'in', format: 'ndjson' })
    await run.read(1)
    const reading = run.session.read({ records: 1_000_000, bytes: 1e9 }, new AbortController().signal)
    await run.session.close!()
    expect((await reading)!.length).toBeGreaterThan(1)
  })

  it('says at start where nothing matches', async () => {
    const root = await filesIn({})
    const open = FilesRun.open({ root, paths: ['a/*', 'b'], format: 'ndjson' })
    await expect(open).rejects.toThrow(`no file matches "a/*", "b" under ${root}`)
  })

  it.each([
    [{ format: 'ndjson' }, 'expected paths to be a glob, or a list of them, got nothing'],
    [{ paths: [], format: 'ndjson' }, 'expected paths to be a glob, or a list of them, got []'],
    [{ paths: 'a', format: 'xml' }, 'expected format to be one of "ndjson", "json", "csv", got "xml"'],
    [{ paths: 'a', format: 'csv', follow: true }, 'there is no option follow'],
  ])('refuses options that cannot be: %j', (options, message) => {
    expect(() => filesSource(options as unknown as FilesSourceOptions)).toThrow(message)
  })
})
