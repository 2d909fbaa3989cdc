import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { CutterOptions } from '../../../src/formats/cutter.js'
import { JsonArrayCutter } from '../../../src/formats/json-array.js'
import { cutsOf, everyCut, piecesOf } from './cuts.js'

const make = (options: CutterOptions) => new JsonArrayCutter(options)
const resumed = (options: CutterOptions) => new JsonArrayCutter({ ...options, resumed: true })

describe('JsonArrayCutter', () => {
  it.each([
    ['nothing', '', ['at 0']],
    ['blanks alone', ' \n', ['at 2']],
    ['an empty array', ' [ ] ', ['at 5']],
    ['objects', '[{"a":1}, {"b":[1,{}]}\n]', ['1-8 {"a":1}', '10-22 {"b":[1,{}]}', 'at 24']],
    ['scalars', '[1,-2.5e3 ,true,null\t]', ['1-2 1', '3-9 -2.5e3', '11-15 true', '16-20 null', 'at 22']],
    ['texts', '["","a]","\\"","\\\\"]', ['1-3 ""', '4-8 "a]"', '9-13 "\\""', '14-18 "\\\\"', 'at 19']],
    ['arrays', '[[],[[1],"]"]]', ['1-3 []', '4-13 [[1],"]"]', 'at 14']],
    ['brackets and escapes within texts', '[{"a\\\\":"}]{[\\"}"},2]', ['1-18 {"a\\\\":"}]{[\\"}"}', '19-20 2', 'at 21']],
    ['blanks and line ends', '[\r\n 1\r\n,\r\n2\r\n]\r\n', ['4-5 1', '10-11 2', 'at 16']],
    ['bytes beyond ASCII', '["\xff\xfe"]', ['1-5 "\xff\xfe"', 'at 6']],
    ['a missing element, and its neighbours', '[1,,2]', ['1-2 1', 'element missing: 3-4 ', '4-5 2', 'at 6']],
    ['missing elements at both ends', '[,1,]', ['element missing: 1-2 ', '2-3 1', 'element missing: 4-5 ', 'at 5']],
    ['an element that is no JSON, and its neighbour', '[tru}e,1]', ['1-6 tru}e', '7-8 1', 'at 9']],
    ['an object at the top', ' {"a":1}', ['error: the content is no array at byte 1']],
    ['more behind the array', '[1] [2]', ['1-2 1', 'error: there is more after the end of the array at byte 4']],
    ['a missing comma', '[1 2]', ['1-2 1', 'error: expected a comma or the end of the array at byte 3']],
    ['an array that is not closed', '[{},', ['1-3 {}', 'error: the content ends before the array does at byte 4']],
    ['an element that is not closed', '[1,{"a":"}', ['1-2 1', 'error: the content ends before the array does at byte 10']],
    ['a number at the end', '[1,23', ['1-2 1', 'error: the content ends before the array does at byte 5']],
  ])('cuts %s, wherever the input is cut', (_, text, expected) => {
    for (const chunks of [[Buffer.from(text, 'latin1')], ...everyCut(Buffer.from(text, 'latin1'))])
      expect(cutsOf(make, chunks)).toEqual(expected)
  })

  it.each([
    [',2]', ['11-12 2', 'at 13']],
    ['2,3]', ['10-11 2', '12-13 3', 'at 14']],
    [']', ['at 11']],
    [' ', ['error: the content ends before the array does at byte 11']],
  ])('goes on within the array: %j', (text, expected) => {
    for (const chunks of everyCut(Buffer.from(`${text}`))) expect(cutsOf(resumed, chunks, { offset: 10 })).toEqual(expected)
  })

  it('goes on at the very end', () => {
    expect(cutsOf(resumed, [], { offset: 10 })).toEqual(['at 10'])
  })

  it('keeps the beginning of an element that is too large, and its neighbours, wherever the input is cut', () => {
    for (const chunks of everyCut(Buffer.from('[1,{"a":"123"},"1234", 2]'))) {
      expect(cutsOf(make, chunks, { maxRecordBytes: 6 })).toEqual(['1-2 1', 'too large: 3-14 {"a":"', '15-21 "1234"', '23-24 2', 'at 25'])
    }
  })

  it('counts brackets a million deep', () => {
    const deep = '['.repeat(1_000_000) + ']'.repeat(1_000_000)
    const lengths: number[] = []
    const cutter = new JsonArrayCutter({ onCut: bytes => lengths.push(bytes.length) < 0 })
    cutter.feed(Buffer.from(`[${deep},1]`))
    cutter.end()
    expect(cutter.cut()).toBe(true)
    expect(lengths).toEqual([2_000_000, 1])
  })

  it('gives each element that was written (property)', () => {
    const element = fc.record({ value: fc.jsonValue({ maxDepth: 3 }), indent: fc.constantFrom(undefined, 1, '\t') })
    const blank = fc.constantFrom('', ' ', '\n', '\r\n', '\t')
    const at = fc.array(fc.nat(300), { maxLength: 8 })
    fc.assert(
      fc.property(fc.array(element, { maxLength: 6 }), blank, at, (elements, between, ends) => {
        const texts = elements.map(({ value, indent }) => JSON.stringify(value, null, indent))
        const content = Buffer.from(`${between}[${between}${texts.join(`${between},${between}`)}${between}]${between}`)
        const values: string[] = []
        const cutter = new JsonArrayCutter({
          onCut: (bytes, start, end) => {
            expect(content.subarray(start, end).equals(bytes)).toBe(true)
            return values.push(Buffer.from(bytes).toString()) < 0
          },
        })
        for (const chunk of piecesOf(
          content,
          [...ends].sort((a, b) => a - b),
        )) {
          cutter.feed(chunk)
          cutter.cut()
        }
        cutter.end()
        cutter.cut()
        expect(values).toEqual(texts)
        expect(cutter.position).toBe(content.length)
      }),
    )
  })
})
