import { execFileSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { chmod, mkdir, open, truncate, unlink, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { gunzipSync, gzipSync } from 'node:zlib'
import { describe, expect, it } from 'vitest'
import { decode, definePipeline, fileQuarantine, filesSource, memoryPositions, memoryQuarantine, memorySink } from '../../../src/index.js'
import { asUser } from '../../harness/as-user.js'
import { bundle } from '../../harness/bundle.js'
import { collectGarbage } from '../../harness/collect-garbage.js'
import { entriesOf } from '../../harness/failures.js'
import { FilesRun, filesIn } from '../../harness/files-run.js'

const MiB = 1024 * 1024
const sha256Of = (bytes: string | Uint8Array) => createHash('sha256').update(bytes).digest('hex')
const lines = (count: number, length = 100) => Array.from({ length: count }, (_, n) => `${n}`.padEnd(length, 'x'))

describe('a file of filesSource that', () => {
  it('holds a line of 64 MiB: it fails with its beginning and its hash, memory stays bounded, its neighbours come', async () => {
    const root = await filesIn({})
    const file = await open(join(root, 'in'), 'w')
    await file.write('a\n')
    for (let i = 0; i < 64; i++) await file.write(Buffer.alloc(MiB, 'x'))
    await file.write('\nb\n')
    await file.close()
    collectGarbage()
    const before = process.memoryUsage().arrayBuffers
    const run = await FilesRun.open({ root, paths: 'in', format: 'ndjson' })
    let most = 0
    for (let batch = await run.read(1); batch !== undefined; batch = await run.read(1)) {
      collectGarbage()
      most = Math.max(most, process.memoryUsage().arrayBuffers - before)
    }
    const [a, large, b] = run.records
    expect([a, b].map(record => Buffer.from(record!.value).toString())).toEqual(['a', 'b'])
    expect(large).toMatchObject({ position: 2, next: 64 * MiB + 3, bytes: 64 * MiB, fault: { code: 'MILL_RECORD_TOO_LARGE' } })
    expect(large!.fault!.message).toBe(`the record has ${64 * MiB} bytes, maxRecordBytes is ${8 * MiB}`)
    expect(Buffer.from(large!.value).equals(Buffer.alloc(64 * 1024, 'x'))).toBe(true)
    expect(large!.sha256).toBe(sha256Of(Buffer.alloc(64 * MiB, 'x')))
    expect(most).toBeLessThan(24 * MiB)
  })

  it.each([
    ['json', `["a","${'x'.repeat(300_000)}","b"]`, ['in@1 "a"', 'MILL_RECORD_TOO_LARGE: in@5 ', 'in@300008 "b"']],
    ['csv', `a\n1\n${'x'.repeat(300_000)}\n2\n`, ['in@2 a\n1', 'MILL_RECORD_TOO_LARGE: in@4 ', 'in@300005 a\n2']],
  ] as const)('holds a record of %s that is too large: its neighbours come', async (format, content, expected) => {
    const root = await filesIn({ in: content })
    const run = await FilesRun.open({ root, paths: 'in', format }, { maxRecordBytes: 1_000 })
    expect(await run.rest()).toBe(undefined)
    expect(run.texts.map(text => text.replace(/(.): in@(\d+) .*/s, '$1: in@$2 '))).toEqual(expected)
    const { value, bytes, sha256 } = run.records[1]!
    expect(value.length).toBeLessThanOrEqual(1_002)
    const whole = format === 'csv' ? `a\n${'x'.repeat(300_000)}` : `"${'x'.repeat(300_000)}"`
    expect([bytes, sha256]).toEqual([whole.length, sha256Of(whole)])
  })

  it('holds a CSV row whose quote is not closed: it alone fails', async () => {
    const root = await filesIn({ in: 'a,b\n1,2\n3,"4\n5,6\n7,"8"\n' })
    const run = await FilesRun.open({ root, paths: 'in', format: 'csv' })
    expect(await run.rest()).toBe(undefined)
    expect(run.texts).toEqual(['in@4 a,b\n1,2', 'MILL_CSV_INVALID: in@8 a,b\n3,"4', 'in@13 a,b\n5,6', 'in@17 a,b\n7,"8"'])
    expect(run.records[1]!.fault!.message).toBe('not a CSV row: a quote is not closed: "3,\\"4"')
  })

  it('has a header row whose quote is not closed: it fails, the others come', async () => {
    const root = await filesIn({ a: 'a,"b\n1,2\n', b: 'a\n1\n' })
    const run = await FilesRun.open({ root, paths: '*', format: 'csv' })
    expect(await run.rest()).toMatchObject({ code: 'MILL_FILE_CORRUPT', details: { path: 'a', offset: 0 } })
    expect(run.texts).toEqual(['b@2 a\n1'])
  })

  it('holds a JSON array with a missing element: that one fails', async () => {
    const root = await filesIn({ in: '[1,,2]' })
    const run = await FilesRun.open({ root, paths: 'in', format: 'json' })
    expect(await run.rest()).toBe(undefined)
    expect(run.texts).toEqual(['in@1 1', 'MILL_JSON_ARRAY_INVALID: in@3 ', 'in@4 2'])
    expect(run.records[1]!.fault!.message).toBe('in is not a JSON array: an element is missing at byte 3')
  })

  it.each([
    ['is cut off', '[1,{"a":2},{"a', ['a@1 1', 'a@3 {"a":2}']],
    ['lacks a comma', '[1,2 3]', ['a@1 1', 'a@3 2']],
    ['is an object', '{"a":1}', []],
  ])('holds a JSON array that %s: what comes before is read, and the other files', async (_, content, expected) => {
    const root = await filesIn({ a: content, b: '[9]' })
    const run = await FilesRun.open({ root, paths: '*', format: 'json' })
    expect(await run.rest()).toMatchObject({ code: 'MILL_JSON_ARRAY_INVALID', details: { path: 'a' } })
    expect(run.texts).toEqual([...expected, 'b@1 9'])
    expect(run.logged).toHaveLength(1)
    expect(run.events.at(-1)).toBe('draining a,b')
  })

  it('is a gzip file cut off: all that is whole is read, then it fails, and the others come', async () => {
    const all = lines(20_000)
    const gzip = gzipSync(all.join('\n'), { level: 1 })
    for (const length of [3, 12, 1_000, gzip.length >> 1, gzip.length - 9, gzip.length - 1]) {
      const root = await filesIn({ 'a.gz': gzip.subarray(0, length), b: 'b\n' })
      const run = await FilesRun.open({ root, paths: '*', format: 'ndjson' })
      expect(await run.rest()).toMatchObject({ code: 'MILL_FILE_CORRUPT', details: { path: 'a.gz', reason: 'unexpected end of file' } })
      expect(run.values.at(-1)).toBe('b')
      const whole = run.values.slice(0, -1)
      expect(whole).toEqual(all.slice(0, whole.length))
      if (length === gzip.length - 1) expect(whole.length).toBe(all.length - 1)
    }
  })

  it('is a gzip file with damage: all before the damage is read, then it fails, and the others come', async () => {
    const all = lines(20_000)
    const first = gzipSync(`${all.slice(0, 15_000).join('\n')}\n`)
    const second = gzipSync(all.slice(15_000).join('\n'))
    // A header that cannot be: all of the first member comes, although zlib meets the damage in the same piece of input.
    second[2] = 7
    const root = await filesIn({ 'a.gz': Buffer.concat([first, second]), b: 'b\n' })
    const run = await FilesRun.open({ root, paths: '*', format: 'ndjson' })
    expect(await run.rest()).toMatchObject({ code: 'MILL_FILE_CORRUPT', details: { path: 'a.gz', offset: 15_000 * 101 } })
    expect(run.values).toEqual([...all.slice(0, 15_000), 'b'])
  })

  it('is a gzip file with a bit flipped anywhere: never a crash, and what is read before the damage is right', async () => {
    const content = `${lines(500, 20).join('\n')}\n`
    const good = gzipSync(content)
    for (let at = 3; at < good.length; at += 37) {
      const bad = Buffer.from(good)
      bad[at]! ^= 0x10
      let isDamaged = false
      try {
        isDamaged = gunzipSync(bad).toString() !== content
      } catch {
        isDamaged = true
      }
      const root = await filesIn({ [`${at}.gz`]: bad })
      const run = await FilesRun.open({ root, paths: '*', format: 'ndjson' })
      const error = await run.rest()
      if (isDamaged) expect(error).toMatchObject({ code: 'MILL_FILE_CORRUPT' })
      else expect(error).toBe(undefined)
    }
  })

  it('consists of several gzip members: all are read', async () => {
    const root = await filesIn({ in: Buffer.concat([gzipSync('a\nb'), gzipSync('c\n'), gzipSync(''), gzipSync('d')]) })
    const run = await FilesRun.open({ root, paths: 'in', format: 'ndjson' })
    expect(await run.rest()).toBe(undefined)
    expect(run.texts).toEqual(['in@0 a', 'in@2 bc', 'in@5 d'])
  })

  it.each([['text'], ['']])('is named .gz and holds %j: it fails', async content => {
    const root = await filesIn({ 'a.gz': content })
    const run = await FilesRun.open({ root, paths: '*', format: 'ndjson' })
    expect(await run.rest()).toMatchObject({ code: 'MILL_FILE_CORRUPT' })
  })

  it('disappears before its turn: it fails, the others come', async () => {
    const root = await filesIn({ a: 'a', b: 'b', c: 'c' })
    const run = await FilesRun.open({ root, paths: '*', format: 'ndjson' })
    await unlink(join(root, 'b'))
    expect(await run.rest()).toMatchObject({ code: 'MILL_FILE_CHANGED', details: { path: 'b' } })
    expect(run.texts).toEqual(['a@0 a', 'c@0 c'])
  })

  it('disappears while it is read: it is read to its end', async () => {
    const all = lines(20_000)
    const root = await filesIn({ in: all.join('\n') })
    const run = await FilesRun.open({ root, paths: 'in', format: 'ndjson' })
    await run.read(1)
    await unlink(join(root, 'in'))
    expect(await run.rest()).toBe(undefined)
    expect(run.values).toEqual(all)
  })

  it.each([0, 1_000_000, 1_000_050])(
    'is truncated to %i bytes while it is read: only whole records are read, then it fails',
    async size => {
      const all = lines(20_000, 99)
      const root = await filesIn({ a: all.join('\n'), b: 'b' })
      const run = await FilesRun.open({ root, paths: '*', format: 'ndjson' })
      await run.read(1)
      await truncate(join(root, 'a'), size)
      expect(await run.rest()).toMatchObject({ code: 'MILL_FILE_CHANGED', details: { path: 'a' } })
      expect(run.values.at(-1)).toBe('b')
      const whole = run.values.slice(0, -1)
      expect(whole).toEqual(all.slice(0, whole.length))
      expect(whole.length).toBeGreaterThanOrEqual(Math.floor(size / 100))
      expect(whole.length).toBeLessThan(all.length)
    },
  )

  it('is overwritten while it is read: it fails', async () => {
    const all = lines(20_000)
    const root = await filesIn({ in: all.join('\n') })
    const run = await FilesRun.open({ root, paths: 'in', format: 'ndjson' })
    await run.read(1)
    await writeFile(join(root, 'in'), all.join('\n').replaceAll('x', 'y'))
    expect(await run.rest()).toMatchObject({ code: 'MILL_FILE_CHANGED', details: { path: 'in', reason: 'its beginning was overwritten' } })
  })

  it('grows while it is read: what was there is read, and a line that is not complete is left for the next run', async () => {
    const all = lines(20_000)
    const root = await filesIn({ in: `${all.join('\n')}\nhalf` })
    const positions = memoryPositions()
    const first = await FilesRun.open({ root, paths: 'in', format: 'ndjson', positions })
    await first.read(1)
    await writeFile(join(root, 'in'), ' of it\nnext\n', { flag: 'a' })
    expect(await first.rest()).toBe(undefined)
    expect(first.values).toEqual(all)
    await first.session.commit!([{ partition: 'in', next: first.records.at(-1)!.next! }])
    const second = await FilesRun.open({ root, paths: 'in', format: 'ndjson', positions })
    expect(await second.rest()).toBe(undefined)
    expect(second.values).toEqual(['half of it', 'next'])
  })

  it.each([
    ['begins differently', 'A\nb\nc\n', 'its content begins differently now'],
    ['is shorter than its mark', 'a\n', 'its content begins differently now'],
  ])('was replaced since the last run and %s: nothing of it is read, the others come', async (_, content, reason) => {
    const root = await filesIn({ a: 'a\nb\n', b: 'b\n' })
    const positions = memoryPositions()
    const first = await FilesRun.open({ root, paths: 'a', format: 'ndjson', positions })
    await first.rest()
    await first.session.commit!([{ partition: 'a', next: 2 }])
    await writeFile(join(root, 'a'), content)
    const second = await FilesRun.open({ root, paths: '*', format: 'ndjson', positions })
    expect(await second.rest()).toMatchObject({ code: 'MILL_FILE_REPLACED', details: { path: 'a', next: 2, reason } })
    expect(second.texts).toEqual(['b@0 b'])
  })

  it.each([false, true])('is shorter than what was read of it before, gzip: %s: nothing of it is read', async isGzip => {
    const content = (count: number) => {
      const text = `${lines(count).join('\n')}\n`
      return isGzip ? gzipSync(text) : text
    }
    const root = await filesIn({ in: content(100) })
    const byLedger = await FilesRun.open({ root, paths: 'in', format: 'ndjson' }, { ledger: { in: 10_101 } })
    expect(await byLedger.rest()).toMatchObject({
      code: 'MILL_LEDGER_AHEAD',
      message:
        'source files, partition in: the ledger covers positions up to 10101, but its content has only 10100 bytes now; nothing was read',
    })
    const positions = memoryPositions()
    const first = await FilesRun.open({ root, paths: 'in', format: 'ndjson', positions })
    await first.rest()
    await first.session.commit!([{ partition: 'in', next: 10_100 }])
    await writeFile(join(root, 'in'), content(99))
    const second = await FilesRun.open({ root, paths: 'in', format: 'ndjson', positions })
    expect(await second.rest()).toMatchObject({ code: 'MILL_FILE_REPLACED' })
    expect([...byLedger.records, ...second.records]).toEqual([])
  })

  it('cannot be read, or lies in a directory without rights: it fails, the others come', async () => {
    const root = await filesIn({ a: 'a', b: 'b' })
    await mkdir(join(root, 'c'))
    await writeFile(join(root, 'c', 'in'), 'c')
    await chmod(join(root, 'a'), 0)
    await chmod(join(root, 'c'), 0)
    await chmod(root, 0o755)
    await asUser('nobody', async () => {
      const run = await FilesRun.open({ root, paths: '**', format: 'ndjson' })
      expect(await run.rest()).toMatchObject({ code: 'MILL_FILE_UNREADABLE' })
      expect(run.texts).toEqual(['b@0 b'])
      expect(run.logged.toSorted()).toEqual([
        'a cannot be read: there is no permission to read it',
        'c cannot be read: there is no permission to read it',
      ])
      await expect(FilesRun.open({ root, paths: 'c/*', format: 'ndjson' })).rejects.toMatchObject({ code: 'MILL_FILE_UNREADABLE' })
    })
    await chmod(join(root, 'c'), 0o755)
  })
})

describe('filesSource without a file descriptor to spare', () => {
  it('can go again, at start and while it reads, and loses nothing', async () => {
    const root = await filesIn({ a: 'a\n', b: 'b\n' })
    const { program, remove } = await bundle('test/unit/sources/files-descriptors.ts')
    try {
      const said = execFileSync('bash', ['-c', 'ulimit -n 64; exec "$0" "$@"', process.execPath, program, root], { encoding: 'utf8' })
      expect(said.trim().split('\n')).toEqual([
        'open: MILL_FILE_UNREADABLE, retryable',
        'read: MILL_FILE_UNREADABLE, retryable',
        'records: a b',
      ])
    } finally {
      await remove()
    }
  })
})

describe('a run of filesSource', () => {
  it.each([
    ['ndjson', '1\r\n', '"b"', ''],
    ['json', '[1,', '"b"', ',2]'],
    // By itself hardly larger than what is kept: it is its header row that makes it too large.
    ['csv', 'a,b\r\n1,2\r\n', 'x,y', '\r\n'],
  ] as const)('keeps in files the beginning, length and hash of a record of %s that is too large', async (format, before, cell, after) => {
    const record = cell.replace(/[by]/, letter => letter.repeat(1_000))
    const root = await filesIn({ in: before + record + after })
    const directory = join(await filesIn({}), 'quarantine')
    const onFailure = fileQuarantine(directory)
    const sink = memorySink<unknown>({ ledger: true })
    const source = filesSource({ root, paths: '*', format })
    const limits = { maxRecordBytes: 1_000 }
    await definePipeline({ name: 'test', source, steps: records => records, sink, onFailure, limits }).start().finished
    const [entry] = await entriesOf(onFailure)
    const whole = format === 'csv' ? `a,b\n${record}` : record
    expect(entry).toMatchObject({
      stage: 'read',
      rawBytes: whole.length,
      rawSha256: sha256Of(whole),
      error: { code: 'MILL_RECORD_TOO_LARGE' },
    })
    expect(entry!.error.message).toBe(`the record has ${whole.length} bytes, maxRecordBytes is 1000`)
    expect(entry!.raw.length).toBeLessThan(whole.length)
    expect(whole.startsWith(Buffer.from(entry!.raw).toString())).toBe(true)
  })

  it('has delivered and committed the records of all files before it fails for one', async () => {
    const root = await filesIn({ 'a.gz': gzipSync('1\n2\n3\n').subarray(0, -4), b: '4\nx\n5\n' })
    const positions = memoryPositions()
    const sink = memorySink<unknown>()
    const quarantine = memoryQuarantine()
    const source = filesSource({ root, paths: '*', format: 'ndjson', positions })
    const pipeline = definePipeline({ name: 'test', source, steps: records => records.pipe(decode('ndjson')), sink, onFailure: quarantine })
    await expect(pipeline.start().finished).rejects.toMatchObject({ code: 'MILL_FILE_CORRUPT' })
    expect(sink.rows).toEqual([1, 2, 3, 4, 5])
    const kept = await positions.open({ pipeline: 'test' })
    expect(await kept.read('files', 'b')).toMatchObject({ next: 6 })
    expect(await kept.read('files', 'a.gz')).toMatchObject({ next: 5 })
  })

  it('goes on by the ledger, tells a replaced file, and delivers nothing twice', async () => {
    const root = await filesIn({ in: '1\n2\n' })
    const sink = memorySink<unknown>({ ledger: true })
    const source = filesSource({ root, paths: '*', format: 'ndjson' })
    const pipeline = definePipeline({ name: 'test', source, steps: records => records.pipe(decode('ndjson')), sink, onFailure: 'halt' })
    await pipeline.start().finished
    await pipeline.start().finished
    expect(sink.rows).toEqual([1, 2])
    await writeFile(join(root, 'in'), '1\n2\n\n3')
    await pipeline.start().finished
    expect(sink.rows).toEqual([1, 2, 3])
    await writeFile(join(root, 'in'), '4\n5\n6\n7\n')
    await expect(pipeline.start().finished).rejects.toMatchObject({ code: 'MILL_LEDGER_AHEAD' })
    expect(sink.rows).toEqual([1, 2, 3])
  })
})
