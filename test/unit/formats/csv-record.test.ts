import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { csvCells, csvRowEnd } from '../../../src/formats/csv-cells.js'
import { CsvRecordReader } from '../../../src/formats/csv-record.js'

/** RFC 4180 in the other direction: whatever the cells are, and whether or not quoting was needed. */
const quoted = (cell: string) => `"${cell.replaceAll('"', '""')}"`
const cell = fc.tuple(fc.string({ unit: fc.constantFrom(...'ab ,"\n\r\tä€😀'), maxLength: 6 }), fc.boolean())
const written = ([text, always]: [string, boolean], isOnly = false) =>
  always || /[",\r\n]/.test(text) || (isOnly && text === '') ? quoted(text) : text
const rowOf = (cells: [string, boolean][]) => cells.map(one => written(one)).join(',')
const cells = fc.array(cell, { minLength: 1, maxLength: 5 })

describe('csvCells', () => {
  it('reads back what was written, quoted or not', () => {
    fc.assert(
      fc.property(cells, row => {
        const expected = row.map(([text]) => text)
        expect(csvCells(rowOf(row))).toEqual(expected)
      }),
      { numRuns: 2000 },
    )
  })

  it.each([
    ['a,"b', 'a quote is not closed'],
    ['"a"b,c', 'text follows a closing quote'],
    ['"a"\n"b"', 'there are 2 rows'],
    ['a\rb', 'there are 2 rows'],
  ])('says what is wrong with %j', (row, problem) => {
    expect(csvCells(row)).toBe(problem)
  })

  it.each([
    ['', ['']],
    [',', ['', '']],
    [' ,"a"', [' ', 'a']],
    ['a"b,c', ['a"b', 'c']],
    ['"",""', ['', '']],
  ])('reads %j', (row, expected) => {
    expect(csvCells(row)).toEqual(expected)
  })
})

describe('csvRowEnd', () => {
  it('is the first line end outside of quotes', () => {
    fc.assert(
      fc.property(cells, fc.string(), (row, rest) => {
        const first = rowOf(row)
        expect(csvRowEnd(`${first}\n${rest}`)).toBe(first.length)
      }),
      { numRuns: 1000 },
    )
  })
})

describe('CsvRecordReader', () => {
  it('reads header and row, with any line end, and learns a new header', () => {
    const reader = new CsvRecordReader()
    expect(reader.read('a,b\n1,2')).toEqual({ a: '1', b: '2' })
    expect(reader.read('a,b\n3,4\n')).toEqual({ a: '3', b: '4' })
    expect(reader.read('a,b\r\n5,6\r\n')).toEqual({ a: '5', b: '6' })
    expect(reader.read('"a\nx",b\n"7\n8",')).toEqual({ 'a\nx': '7\n8', b: '' })
    expect(reader.read('a,b\n9,"1,0"')).toEqual({ a: '9', b: '1,0' })
    expect(reader.read('one\n')).toEqual({ one: '' })
  })

  it('agrees with a fresh reader on every record', () => {
    const reader = new CsvRecordReader()
    fc.assert(
      fc.property(fc.constantFrom('a,b', 'a', 'a,b,c', 'a\r', '"a",b'), fc.constantFrom('\n', '\r\n'), cells, (header, lineEnd, row) => {
        const text = header + lineEnd + rowOf(row)
        expect(reader.read(text)).toEqual(new CsvRecordReader().read(text))
      }),
    )
  })

  it.each([
    ['', 'it is empty'],
    ['a,b', 'no row follows the header'],
    ['a,b\n1', '1 cells, but the header has 2'],
    ['a,b\n1,2,3', '3 cells, but the header has 2'],
    ['a,b\n1,"2', 'a quote is not closed'],
    ['a,b\n1,2\n3,4', 'there are 2 rows'],
    ['a,a\n1,2', 'two columns have the name "a"'],
    ['a, \n1,2', 'column 2 has no name'],
    ['"a"b,c\n1,2', 'in the header text follows a closing quote'],
  ])('says what is wrong with %j', (text, problem) => {
    expect(new CsvRecordReader().read(text)).toBe(problem)
  })

  it('keeps __proto__ and constructor as columns like any other', () => {
    const record = new CsvRecordReader().read('__proto__,constructor,x\n1,2,3') as object
    expect(Object.entries(record)).toEqual([
      ['__proto__', '1'],
      ['constructor', '2'],
      ['x', '3'],
    ])
    expect(Object.getPrototypeOf(record)).toBe(Object.prototype)
    expect(Object.getPrototypeOf({ ...record })).toBe(Object.prototype)
    expect({}).not.toHaveProperty('x')
  })
})
