import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { CsvCutter } from '../../../src/formats/csv-rows.js'
import type { CutterOptions } from '../../../src/formats/cutter.js'
import { cutsOf, everyCut, piecesOf } from './cuts.js'

const make = (options: CutterOptions) => new CsvCutter(options)
/** With `a,b` as header row, which is left out of the cuts; positions count from behind it. */
function rows(text: string, options: Partial<CutterOptions> = {}): string[] {
  const all = everyCut(Buffer.from(text, 'latin1')).map(chunks =>
    cutsOf(o => new CsvCutter({ ...o, header: Buffer.from('a,b') }), chunks, options),
  )
  for (const cuts of all) expect(cuts).toEqual(all[0])
  return all[0]!.map(cut => cut.replace('a,b\n', '|'))
}

describe('CsvCutter', () => {
  it.each([
    ['nothing', '', ['at 0']],
    ['a header row alone', 'a,b\r\n', ['at 5']],
    ['a header row without its line end', 'a,b', ['at 3']],
    ['rows', 'a,b\n1,2\n3,4\n', ['4-7 a,b\n1,2', '8-11 a,b\n3,4', 'at 12']],
    ['CRLF', 'a,b\r\n1,2\r\n3,4', ['5-8 a,b\n1,2', '10-13 a,b\n3,4', 'at 13']],
    ['empty rows before, between and after', '\n\r\na\n\n1\n\r\n\n', ['6-7 a\n1', 'at 11']],
    ['a quoted header row', '"a\nb",c\n1,2\n', ['8-11 "a\nb",c\n1,2', 'at 12']],
    ['a header row whose quote is not closed', '"a,b\n1,2\n', ['error: a quote of the header row is not closed at byte 0']],
  ])('cuts %s, wherever the input is cut', (_, text, expected) => {
    for (const chunks of [[Buffer.from(text)], ...everyCut(Buffer.from(text))]) expect(cutsOf(make, chunks)).toEqual(expected)
  })

  it.each([
    ['line ends within quotes', '"1\n\r\n2",3\n4,5\n', ['0-9 |"1\n\r\n2",3', '10-13 |4,5', 'at 14']],
    ['commas and doubled quotes', '"1,""2""",""\n"""\n",4\n', ['0-12 |"1,""2""",""', '13-20 |"""\n",4', 'at 21']],
    ['a quote in a cell that is not quoted', '5" x,2\n3,4"\n', ['0-6 |5" x,2', '7-11 |3,4"', 'at 12']],
    ['a quoted cell at the very end', '1,"2\n3"', ['0-7 |1,"2\n3"', 'at 7']],
    ['CRLF after a quoted cell', '1,"2"\r\n"3",4\r\n', ['0-5 |1,"2"', '7-12 |"3",4', 'at 14']],
    ['text behind a quoted cell, on its line', '"1" x,2\n3,4\n', ['0-7 |"1" x,2', '8-11 |3,4', 'at 12']],
    ['too few and too many cells', '1\n1,2,3\n', ['0-1 |1', '2-7 |1,2,3', 'at 8']],
  ])('cuts rows with %s, wherever the input is cut', (_, text, expected) => {
    expect(rows(text)).toEqual(expected)
  })

  it.each([
    ['the content ends', '1,"2\n3,4\n5,6\n', ['quote not closed: 0-4 |1,"2', '5-8 |3,4', '9-12 |5,6', 'at 13']],
    ['it is on the last line', '1,2\n3,"4\r\n', ['0-3 |1,2', 'quote not closed: 4-8 |3,"4', 'at 10']],
    ['it is on the last line, without a line end', '3,"4', ['quote not closed: 0-4 |3,"4', 'at 4']],
    ['the next quote opens another cell', '1,"2\n3,"4"\n5,6\n', ['quote not closed: 0-4 |1,"2', '5-10 |3,"4"', '11-14 |5,6', 'at 15']],
    [
      'every row has one',
      '1,"2\n3,"4\n5,"6\n',
      ['quote not closed: 0-4 |1,"2', 'quote not closed: 5-9 |3,"4', 'quote not closed: 10-14 |5,"6', 'at 15'],
    ],
    ['an earlier cell of its row has lines', '"1\n2","3\n4,"5"\n', ['quote not closed: 0-8 |"1\n2","3', '9-14 |4,"5"', 'at 15']],
    ['CRLF ends its line', '1,"2\r\n3,"4"\r\n', ['quote not closed: 0-4 |1,"2', '6-11 |3,"4"', 'at 13']],
  ])('fails a row whose quote is not closed, and cuts its neighbours: %s', (_, text, expected) => {
    expect(rows(text)).toEqual(expected)
  })

  it('takes a quoted cell that runs beyond maxRecordBytes over lines for one that was not closed', () => {
    expect(rows('1,"2345\n6,7\n8,9\n0,0"\n', { maxRecordBytes: 12 })).toEqual([
      'quote not closed: 0-7 |1,"2345', '8-11 |6,7', '12-15 |8,9', '16-20 |0,0"', 'at 21',
    ]) // biome-ignore format: a row each
  })

  it('keeps the beginning of a row that is too large, and its neighbours', () => {
    const expected = ['0-3 |1,2', 'too large: 4-15 |1234567890', '16-19 |3,4', 'at 20']
    expect(rows('1,2\n1234567890,\n3,4\n', { maxRecordBytes: 10 })).toEqual(expected)
    expect(rows('1,2\n"23456789",\n3,4\n', { maxRecordBytes: 10 })).toEqual(expected.map(cut => cut.replace('1234567890', '"23456789"')))
    expect(rows('1,2\n"234567890,\n3,4\n', { maxRecordBytes: 10 })).toEqual(expected.map(cut => cut.replace('1234567890', '"234567890')))
  })

  it('counts the header row as part of each record', () => {
    expect(rows('1,2\n', { maxRecordBytes: 7 })).toEqual(['0-3 |1,2', 'at 4'])
    expect(rows('1,2\n', { maxRecordBytes: 6 })).toEqual(['too large: 0-3 |1,2', 'at 4'])
  })

  it('looks at each byte about once, however many quotes are not closed', () => {
    const bad = Buffer.from('1,"2\n'.repeat(200_000))
    let cuts = 0
    const cutter = new CsvCutter({ header: Buffer.from('a,b'), maxRecordBytes: 8 * 1024 * 1024, onCut: () => ++cuts < 0 })
    const start = process.cpuUsage()
    for (const chunk of piecesOf(bad, [300_000, 600_000, 900_000])) {
      cutter.feed(chunk)
      cutter.cut()
    }
    cutter.end()
    cutter.cut()
    expect(cuts).toBe(200_000)
    expect(process.cpuUsage(start).user).toBeLessThan(5_000_000)
  })

  it('gives each row that was written by RFC 4180 (property)', () => {
    const cell = fc.string({ unit: fc.constantFrom('a', '"', ',', '\n', '\r', ' ', 'ü'), maxLength: 8 })
    const row = fc.tuple(cell, cell, fc.boolean())
    fc.assert(
      fc.property(
        fc.array(row, { maxLength: 6 }),
        fc.constantFrom('\n', '\r\n'),
        fc.array(fc.nat(200), { maxLength: 8 }),
        (given, lineEnd, ends) => {
          const written = given.map(([a, b, isQuoted]) => [a, b].map(text => quoted(text, isQuoted)).join(','))
          const content = Buffer.from(['a,b', ...written].join(lineEnd))
          const cuts: string[] = []
          const cutter = new CsvCutter({
            onCut: (bytes, start, end, fault) => {
              expect(fault).toBe(null)
              expect(Buffer.from(bytes).toString()).toBe(`a,b\n${content.subarray(start, end)}`)
              return cuts.push(content.subarray(start, end).toString()) % 2 === 0
            },
          })
          for (const chunk of piecesOf(
            content,
            [...ends].sort((a, b) => a - b),
          )) {
            cutter.feed(chunk)
            while (!cutter.cut()) {}
          }
          cutter.end()
          while (!cutter.cut()) {}
          expect(cuts).toEqual(written)
        },
      ),
    )
  })

  it('gives the same cuts wherever the input is cut, whatever it is (property)', () => {
    const content = fc.array(fc.constantFrom(10, 13, 34, 44, 97), { maxLength: 40 }).map(bytes => Buffer.from([98, 10, ...bytes]))
    const maxRecordBytes = fc.constantFrom(6, 12, 1_000)
    fc.assert(
      fc.property(content, fc.array(fc.nat(42), { maxLength: 6 }), maxRecordBytes, (bytes, ends, bound) => {
        const whole = cutsOf(make, [bytes], { maxRecordBytes: bound })
        expect(
          cutsOf(
            make,
            piecesOf(
              bytes,
              [...ends].sort((a, b) => a - b),
            ),
            { maxRecordBytes: bound },
          ),
        ).toEqual(whole)
      }),
      { numRuns: 2_000 },
    )
  })
})

function quoted(text: string, isQuoted: boolean): string {
  return isQuoted || /[",\n\r]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text
}
