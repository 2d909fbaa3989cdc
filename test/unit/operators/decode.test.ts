import fc from 'fast-check'
import { from } from 'rxjs'
import { describe, expect, it } from 'vitest'
import type { Operator } from '../../../src/core/operator.js'
import { type DecodeJsonOptions, decode } from '../../../src/operators/decode.js'
import { behavesAsOperator } from '../../harness/marbles.js'
import { Records } from '../../harness/records.js'

const bytes = (text: string | readonly number[]): Uint8Array =>
  typeof text === 'string' ? new TextEncoder().encode(text) : Uint8Array.from(text)

function run(operator: unknown, values: readonly (string | readonly number[] | null)[]): Records {
  const records = new Records()
  from(records.records(values.map(value => (value === null ? null : bytes(value)))))
    .pipe(operator as Operator<Uint8Array | null, unknown>)
    .subscribe(record => records.deliver(record))
  return records
}

const json = (text: string | readonly number[], options?: DecodeJsonOptions): Records => run(decode('json', options), [text])

/** A large double is written with digits that are not its own: 191952743662510430 is 191952743662510432. */
const isExact = (value: unknown): boolean => !/\d{16}/.test(JSON.stringify(value).replace(/\.\d+/g, ''))

describe('decode', () => {
  describe('json', () => {
    behavesAsOperator<Uint8Array, unknown>({
      operator: decode('json'),
      inputs: [bytes('1'), bytes('{"a":[2]}'), bytes('null')],
      outputs: [1, { a: [2] }, null],
      failing: bytes('{'),
      stage: 'decode',
    })

    it('gives what JSON.parse gives where doubles hold the numbers', () => {
      fc.assert(
        fc.property(fc.jsonValue({ noUnicodeString: false }).filter(isExact), value => {
          const text = JSON.stringify(value)
          expect(json(text).values[0]).toEqual(JSON.parse(text))
        }),
        { numRuns: 500 },
      )
    })

    it('gives a record for any bytes, decoded or failed, and never throws', () => {
      fc.assert(
        fc.property(fc.uint8Array({ maxLength: 12 }), value => {
          for (const format of ['json', 'ndjson', 'text', 'bytes'] as const)
            expect(run(decode(format as 'json'), [[...value]]).open).toEqual([])
          expect(run(decode('csv'), [[...value]]).open).toEqual([])
        }),
        { numRuns: 500 },
      )
    })

    it.each([
      ['', 'not JSON: there is no value'],
      [' \n', 'not JSON: there is no value'],
      ['{"a":1,}', 'not JSON: expected a key in double quotes, got "}" at line 1, column 8'],
      ['{\n "a": tru\n}', 'not JSON: expected a value, got "t" at line 2, column 7'],
      ['[1', 'not JSON: expected "," or "]", got the end at line 1, column 3'],
      ['NaN', 'not JSON: expected a value, got "N" at line 1, column 1'],
    ])('says of %j what is wrong, and where', (text, message) => {
      const records = json(text)
      expect(records.told).toEqual({ 0: 'failed MILL_VALUE_UNDECODABLE in decode' })
      expect(records.errorOf('0')).toHaveProperty('message', message)
    })

    it('fails bytes that are not UTF-8, with their place', () => {
      expect(json([0x22, 0x61, 0xff, 0x22]).errorOf('0')).toHaveProperty('message', 'not JSON: byte 2 is not UTF-8')
    })

    it('drops a byte order mark', () => {
      expect(json('\ufeff{"a":1}').values).toEqual([{ a: 1 }])
    })

    it('fails a number that a double does not hold, with its path', () => {
      const records = json('{"order":{"ids":[1,9007199254740993]}}')
      expect(records.told).toEqual({ 0: 'failed MILL_NUMBER_UNSAFE in decode' })
      expect(records.errorOf('0')).toHaveProperty(
        'message',
        'the number 9007199254740993 at /order/ids/1 cannot be held exactly by a double',
      )
      expect(json('9007199254740993').errorOf('0')).toHaveProperty('details', { path: '', number: '9007199254740993' })
      expect(json('[1e400]').told).toEqual({ 0: 'failed MILL_NUMBER_UNSAFE in decode' })
      expect(json('9'.repeat(1000)).errorOf('0')).toHaveProperty('message', expect.stringContaining('(1000 characters)'))
    })

    it('gives such integers as text where asked to, and still fails what overflows', () => {
      const text = '{"a":12345678901234567890,"b":7,"c":[-9007199254740993,0.1]}'
      expect(json(text, { bigIntegers: 'string' }).values).toEqual([{ a: '12345678901234567890', b: 7, c: ['-9007199254740993', 0.1] }])
      expect(json('[1e400]', { bigIntegers: 'string' }).told).toEqual({ 0: 'failed MILL_NUMBER_UNSAFE in decode' })
    })

    it('leaves digits in strings and exact numbers alone', () => {
      expect(json('{"id":"12345678901234567890","n":9007199254740992,"f":0.1234567890123456789,"u":"0e1234 1e999"}').values).toEqual([
        { id: '12345678901234567890', n: 2 ** 53, f: 0.12345678901234568, u: '0e1234 1e999' },
      ])
    })

    it('fails what is nested too deeply, at any depth', () => {
      const nested = (depth: number, open = '[', close = ']') => open.repeat(depth) + (open === '[' ? '' : '1') + close.repeat(depth)
      expect(json(nested(1_000)).told).toHaveProperty('0', expect.stringMatching(/^delivered/))
      for (const text of [nested(1_001), nested(100_000), nested(100_000, '{"a":', '}'), '['.repeat(100_000)]) {
        expect(json(text).errorOf('0')).toHaveProperty('message', 'not JSON: arrays and objects are nested deeper than 1000 levels')
      }
    })

    it('keeps __proto__ as an own property, which pollutes nothing', () => {
      const [value] = json('{"__proto__":{"polluted":true},"constructor":{"prototype":{"polluted":true}}}').values as [object]
      expect(Object.keys(value)).toEqual(['__proto__', 'constructor'])
      expect({ ...value }).not.toHaveProperty('polluted')
      expect({}).not.toHaveProperty('polluted')
    })
  })

  describe('ndjson', () => {
    behavesAsOperator<Uint8Array, unknown>({
      operator: decode('ndjson'),
      inputs: [bytes('1'), bytes('{"a":[2]}\n'), bytes('\n"x"\r\n')],
      outputs: [1, { a: [2] }, 'x'],
      failing: bytes('{'),
      stage: 'decode',
    })

    it('makes a record of each line, and fails a wrong one alone', () => {
      expect(run(decode('ndjson'), ['{"a":1}\n\n{"a":\r\n{"a":3}\n']).told).toEqual({
        '0#0': 'delivered {"a":1}',
        '0#1': 'failed MILL_VALUE_UNDECODABLE in decode',
        '0#2': 'delivered {"a":3}',
      })
    })

    it('fails a line of wrong bytes alone', () => {
      expect(run(decode('ndjson'), [[0x31, 10, 0xff, 10, 0x32]]).told).toEqual({
        '0#0': 'delivered 1',
        '0#1': 'failed MILL_VALUE_UNDECODABLE in decode',
        '0#2': 'delivered 2',
      })
    })

    it('skips a record without a line', () => {
      expect(run(decode('ndjson'), ['', '\n \r\n']).told).toEqual({ 0: 'skipped split into nothing', 1: 'skipped split into nothing' })
    })

    it('gives the lines that were joined', () => {
      fc.assert(
        fc.property(
          fc.array(fc.jsonValue().filter(isExact), { minLength: 1, maxLength: 6 }),
          fc.constantFrom('\n', '\r\n', '\n\n'),
          (values, lineEnd) => {
            const lines = values.map(value => JSON.stringify(value))
            expect(run(decode('ndjson'), [lines.join(lineEnd)]).values).toEqual(lines.map(line => JSON.parse(line)))
          },
        ),
      )
    })
  })

  describe('csv', () => {
    behavesAsOperator<Uint8Array, unknown>({
      operator: decode('csv'),
      inputs: [bytes('a,b\n1,2'), bytes('a,b\n"x,y",\n'), bytes('c\r\n"q""q"')],
      outputs: [{ a: '1', b: '2' }, { a: 'x,y', b: '' }, { c: 'q"q' }],
      failing: bytes('a,b\n1'),
      stage: 'decode',
    })

    it('says what is wrong with a row', () => {
      const records = run(decode('csv'), ['a,b\n1,2,3', 'a,b\n1,"2', 'a,a\n1,2', 'a', ''])
      expect(Object.values(records.told)).toEqual(Array(5).fill('failed MILL_CSV_INVALID in decode'))
      expect(records.errorOf('0')).toHaveProperty('message', 'not a CSV row: 3 cells, but the header has 2: "a,b\\n1,2,3"')
    })
  })

  describe('text and bytes', () => {
    behavesAsOperator<Uint8Array, unknown>({
      operator: decode('text'),
      inputs: [bytes('a'), bytes(''), bytes('\ufeffä')],
      outputs: ['a', '', 'ä'],
      failing: bytes([0xc3]),
      stage: 'decode',
    })
    behavesAsOperator<Uint8Array, unknown>({
      operator: decode('bytes'),
      inputs: [bytes('a'), bytes(''), bytes([0xff])],
      outputs: [bytes('a'), bytes(''), bytes([0xff])],
      failing: 'text' as unknown as Uint8Array,
      stage: 'decode',
    })
  })

  it.each(['json', 'ndjson', 'csv', 'text', 'bytes'] as const)('%s lets a tombstone pass, and fails what is no bytes', format => {
    const records = new Records()
    from([records.record(null), records.record('text'), records.record(undefined)])
      .pipe(decode(format as 'text') as unknown as Operator<unknown, unknown>)
      .subscribe(record => records.deliver(record))
    expect(records.told).toEqual({
      0: 'delivered null',
      1: 'failed MILL_VALUE_UNDECODABLE in decode',
      2: 'failed MILL_VALUE_UNDECODABLE in decode',
    })
  })

  it('takes a view into larger memory, as sources cut them', () => {
    const slab = bytes('xx{"a":1}yy')
    const records = new Records()
    from([records.record(new Uint8Array(slab.buffer, 2, 7)), records.record(Buffer.from(slab.buffer, 2, 7))])
      .pipe(decode('json'))
      .subscribe(record => records.deliver(record))
    expect(records.values).toEqual([{ a: 1 }, { a: 1 }])
  })

  it('refuses unknown formats and options at definition', () => {
    expect(() => decode('xml' as 'json')).toThrow(
      'decode: expected format to be one of "json", "ndjson", "csv", "text", "bytes", got "xml"',
    )
    expect(() => decode('json', { bigInteger: 'fail' } as never)).toThrow('did you mean bigIntegers?')
    expect(() => (decode as (format: string, options: object) => unknown)('csv', { bigIntegers: 'fail' })).toThrow('no option bigIntegers')
  })
})
