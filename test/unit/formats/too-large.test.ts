import { createHash } from 'node:crypto'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { CsvCutter } from '../../../src/formats/csv-rows.js'
import { type Cutter, type CutterOptions, KEPT_OF_TOO_LARGE, type Whole } from '../../../src/formats/cutter.js'
import { JsonArrayCutter } from '../../../src/formats/json-array.js'
import { NdjsonCutter } from '../../../src/formats/ndjson.js'
import { everyCut, piecesOf } from './cuts.js'

type Make = (options: CutterOptions) => Cutter

const ndjson: Make = options => new NdjsonCutter(options)
const json: Make = options => new JsonArrayCutter(options)
const csv: Make = options => new CsvCutter(options)

const wholeOf = (bytes: string | Uint8Array): Whole => {
  const of = Buffer.from(bytes as Uint8Array)
  return { bytes: of.length, sha256: createHash('sha256').update(of).digest('hex') }
}

/** What was said of the records that are too large, in order; of the others nothing may be. */
function wholesOf(make: Make, chunks: readonly Uint8Array[], maxRecordBytes: number): (Whole | undefined)[] {
  const wholes: (Whole | undefined)[] = []
  const cutter = make({
    maxRecordBytes,
    onCut(bytes, start, _end, fault, whole) {
      if (fault === 'too large') wholes.push(whole)
      else expect(whole, `of ${Buffer.from(bytes)}`).toBe(undefined)
      return start % 2 === 0
    },
  })
  const untilDone = () => {
    while (!cutter.cut()) {}
  }
  for (const chunk of chunks) {
    cutter.feed(chunk)
    untilDone()
  }
  cutter.end()
  untilDone()
  return wholes
}

describe('of a record that is too large a cutter tells the length and the hash of the whole, wherever the input is cut:', () => {
  it.each<[string, Make, string, readonly string[]]>([
    ['ndjson, LF', ndjson, '1\n123456789\n2\nabcdefghij\n', ['123456789', 'abcdefghij']],
    ['ndjson, CRLF', ndjson, '1\r\n123456789\r\n2\r\nabcdefghij\r\n', ['123456789', 'abcdefghij']],
    ['ndjson, without the last line end', ndjson, '1\n123456789\nabcdefghij', ['123456789', 'abcdefghij']],
    ['ndjson, a last line with CR alone', ndjson, '1\n123456789\r', ['123456789']],
    ['ndjson, a CR more than the line end has', ndjson, '12345678\r\r\n', ['12345678\r']],
    ['ndjson, CRs within', ndjson, '12\r\r45\r78\n\r\r\r\r\r\r\r\r\r\r\n', ['12\r\r45\r78', '\r\r\r\r\r\r\r\r\r']],
    ['ndjson, one byte too large', ndjson, '1234567\r\n7654321\n123456\r\n', ['1234567', '7654321']],
    ['json, on one line', json, '[1,{"a":"123"},"123456789",2]', ['{"a":"123"}', '"123456789"']],
    ['json, LF', json, '[\n1,\n{"a":\n"123"}\n,\n1234567\n]\n', ['{"a":\n"123"}', '1234567']],
    ['json, CRLF', json, '[\r\n1,\r\n{"a":\r\n"123"}\r\n,\r\n1234567\r\n]\r\n', ['{"a":\r\n"123"}', '1234567']],
    ['csv, LF', csv, 'a,b\n1\n12345,789\n2\n1,"2"\n', ['a,b\n12345,789', 'a,b\n1,"2"']],
    ['csv, CRLF', csv, 'a,b\r\n1\r\n12345,789\r\n2\r\n1,"2"\r\n', ['a,b\n12345,789', 'a,b\n1,"2"']],
    ['csv, without the last line end', csv, 'a,b\n1\n12345,789', ['a,b\n12345,789']],
    ['csv, a last row with CR alone', csv, 'a,b\n1\n12345,789\r', ['a,b\n12345,789']],
    ['csv, quoted', csv, 'a,b\r\n"23456789",\r\n3\r\n"abcdefg""i",', ['a,b\n"23456789",', 'a,b\n"abcdefg""i",']],
    ['csv, too large only with its header row', csv, 'a,b\n123\r\n12\n321\n', ['a,b\n123', 'a,b\n321']],
  ])('%s', (_, make, text, expected) => {
    const content = Buffer.from(text)
    for (const chunks of [[content], ...everyCut(content)]) expect(wholesOf(make, chunks, 6)).toEqual(expected.map(wholeOf))
  })

  it.each<[string, Make, string, string, string, string]>([
    ['ndjson', ndjson, '"a"\n', '\r\n"b"\n', '', ''],
    ['json', json, '["a","', '","b"]', '"', '"'],
    ['csv', csv, 'a,b\n1,2\r\n', '\r\n3,4', 'a,b\n', ''],
  ])('%s, of some megabytes in chunks of several sizes', (_, make, before, after, first, last) => {
    const long = Buffer.from(Array.from({ length: 3_000_000 }, (_, i) => 97 + ((i * 31 + (i >>> 9)) % 26)))
    const content = Buffer.concat([Buffer.from(before), long, Buffer.from(after)])
    const expected = wholeOf(Buffer.concat([Buffer.from(first), long, Buffer.from(last)]))
    for (const size of [7_919, KEPT_OF_TOO_LARGE, 1_000_001, content.length]) {
      const chunks = piecesOf(
        content,
        Array.from({ length: Math.floor(content.length / size) }, (_, i) => (i + 1) * size),
      )
      for (const maxRecordBytes of [10, 100_000, 2_999_999]) expect(wholesOf(make, chunks, maxRecordBytes)).toEqual([expected])
    }
  })

  it('lines of any bytes (property)', () => {
    const content = fc.array(fc.constantFrom(10, 13, 32, 97, 255), { maxLength: 60 }).map(bytes => Buffer.from(bytes))
    const at = fc.array(fc.nat(60), { maxLength: 6 }).map(ends => [...ends].sort((a, b) => a - b))
    fc.assert(
      fc.property(content, at, fc.integer({ min: 1, max: 20 }), (bytes, ends, maxRecordBytes) => {
        const lines = bytes.toString('latin1').split('\n')
        const large = lines.map(line => Buffer.from(line.replace(/\r$/, ''), 'latin1')).filter(({ length }) => length > maxRecordBytes)
        expect(wholesOf(ndjson, piecesOf(bytes, ends), maxRecordBytes)).toEqual(large.map(wholeOf))
      }),
    )
  })

  it('rows of any bytes: the same as in one piece (property)', () => {
    const content = fc.array(fc.constantFrom(10, 13, 34, 44, 97), { maxLength: 40 }).map(bytes => Buffer.from([98, 10, ...bytes]))
    const at = fc.array(fc.nat(42), { maxLength: 6 }).map(ends => [...ends].sort((a, b) => a - b))
    fc.assert(
      fc.property(content, at, fc.constantFrom(3, 6, 12), (bytes, ends, maxRecordBytes) => {
        expect(wholesOf(csv, piecesOf(bytes, ends), maxRecordBytes)).toEqual(wholesOf(csv, [bytes], maxRecordBytes))
      }),
      { numRuns: 1_000 },
    )
  })
})
