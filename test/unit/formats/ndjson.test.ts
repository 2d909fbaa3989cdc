import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { type CutterOptions, KEPT_OF_TOO_LARGE } from '../../../src/formats/cutter.js'
import { NdjsonCutter } from '../../../src/formats/ndjson.js'
import { collectGarbage } from '../../harness/collect-garbage.js'
import { cutsOf, everyCut, piecesOf } from './cuts.js'

const make = (options: CutterOptions) => new NdjsonCutter(options)
const cuts = (text: string, options: Partial<CutterOptions> = {}) => cutsOf(make, [Buffer.from(text, 'latin1')], options)

describe('NdjsonCutter', () => {
  it.each([
    ['nothing', '', ['at 0']],
    ['lines', 'a\nbc\n', ['0-1 a', '2-4 bc', 'at 5']],
    ['a last line without its end', 'a\nbc', ['0-1 a', '2-4 bc', 'at 4']],
    ['CRLF', 'a\r\nb\r\n', ['0-1 a', '3-4 b', 'at 6']],
    ['a last line with CR alone', 'a\r', ['0-1 a', 'at 2']],
    ['a CR within a line', 'a\rb\n', ['0-3 a\rb', 'at 4']],
    ['blank lines', '\n\r\na\n \t\n\n', ['3-4 a', 'at 9']],
    ['blanks around a line', '  a \n', ['0-4   a ', 'at 5']],
    ['blanks without a line end', 'a\n  ', ['0-1 a', 'at 4']],
    ['bytes of every kind', '\0\xff\xfe\n"\n', ['0-3 \0\xff\xfe', '4-5 "', 'at 6']],
  ])('cuts %s, wherever the input is cut', (_, text, expected) => {
    expect(cuts(text)).toEqual(expected)
    for (const chunks of everyCut(Buffer.from(text, 'latin1'))) expect(cutsOf(make, chunks)).toEqual(expected)
  })

  it('counts from the offset that it is given', () => {
    expect(cuts('a\nb', { offset: 100 })).toEqual(['100-101 a', '102-103 b', 'at 103'])
  })

  it.each(['abcd\n', 'abcd\r\n', 'abcd'])(
    'keeps a record of just maxRecordBytes and fails a larger one, wherever the input is cut: %j',
    text => {
      for (const chunks of everyCut(Buffer.from(`x\n${text}`))) {
        expect(cutsOf(make, chunks, { maxRecordBytes: 4 })[1]).toBe('2-6 abcd')
        expect(cutsOf(make, chunks, { maxRecordBytes: 3 })[1]).toBe('too large: 2-6 abc')
      }
    },
  )

  it('holds no more than the bound of a line without end, and finds the next one', () => {
    const kept: Uint8Array[] = []
    const cutter = new NdjsonCutter({ maxRecordBytes: 1024 * 1024, onCut: bytes => kept.push(bytes) < 0 })
    const chunk = Buffer.alloc(256 * 1024, 'x')
    collectGarbage()
    const before = process.memoryUsage().arrayBuffers
    for (let i = 0; i < 1024; i++) {
      cutter.feed(Buffer.from(chunk))
      cutter.cut()
    }
    collectGarbage()
    // Of 256 MiB that were fed; array buffers are freed on a thread of their own, somewhat later.
    expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(128 * 1024 * 1024)
    cutter.feed(Buffer.from('\n{}\n'))
    cutter.cut()
    expect(kept.map(({ length }) => length)).toEqual([KEPT_OF_TOO_LARGE, 2])
    expect(cutter.position).toBe(1024 * chunk.length + 4)
  })

  it('gives what splitting the whole text gives (property)', () => {
    const byte = fc.constantFrom(10, 13, 32, 9, 97, 34, 255)
    const content = fc.array(byte, { maxLength: 60 }).map(bytes => Buffer.from(bytes))
    fc.assert(
      fc.property(content, fc.array(fc.nat(60), { maxLength: 6 }), fc.integer({ min: 1, max: 20 }), (bytes, at, maxRecordBytes) => {
        const chunks = piecesOf(
          bytes,
          [...at].sort((a, b) => a - b),
        )
        expect(cutsOf(make, chunks, { maxRecordBytes })).toEqual(naive(bytes.toString('latin1'), maxRecordBytes))
      }),
    )
  })
})

function naive(text: string, maxRecordBytes: number): string[] {
  const cuts: string[] = []
  let start = 0
  for (const line of text.split('\n')) {
    const record = line.replace(/\r$/, '')
    const end = start + record.length
    if (record.length > maxRecordBytes) cuts.push(`too large: ${start}-${end} ${record.slice(0, maxRecordBytes)}`)
    else if (/[^ \t\r]/.test(record)) cuts.push(`${start}-${end} ${record}`)
    start += line.length + 1
  }
  return [...cuts, `at ${text.length}`]
}
