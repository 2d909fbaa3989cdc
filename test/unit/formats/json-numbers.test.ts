import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { holdsLargeNumber, quoteNumbers, unsafeNumbers } from '../../../src/formats/json-numbers.js'

const digits = fc.array(fc.integer({ min: 1, max: 9 }), { minLength: 1, maxLength: 25 }).map(list => list.join(''))
const number = fc
  .record({
    minus: fc.constantFrom('', '-'),
    whole: fc.oneof(fc.constant('0'), digits, fc.bigInt({ min: 2n ** 52n, max: 2n ** 55n }).map(String)),
    fraction: fc.constantFrom('', '', '.5', '.12345678901234567890'),
    exponent: fc.constantFrom('', '', '', 'e5', 'E+308', 'e309', 'e-400', 'e+0400', 'E999'),
  })
  .map(({ minus, whole, fraction, exponent }) => minus + whole + fraction + exponent)
const text = fc.constantFrom('"x"', '"12345678901234567"', '"at 1e999"', '"id: 9007199254740993,"', '"550e8400-e29b-41d4"', 'true', 'null')
const space = fc.constantFrom('', ' ', '\n\t')
const leaf = fc.oneof(
  number.map(one => ({ text: one, numbers: [one] })),
  text.map(one => ({ text: one, numbers: [] as string[] })),
)
/** Each item in the arrays and objects that these letters say: `[` and `{`. */
const item = fc.tuple(leaf, fc.array(fc.constantFrom('[', '{'), { maxLength: 3 }), space).map(([one, around, blank]) => ({
  text: around.reduce((inner, bracket) => (bracket === '[' ? `[${blank}${inner}${blank}]` : `{"a/b":${blank}${inner}}`), one.text),
  numbers: one.numbers,
}))
/** A JSON text, and the numbers in it in their order. */
const json = fc.oneof(
  item,
  fc.tuple(fc.array(item, { maxLength: 6 }), space).map(([items, blank]) => ({
    text: `[${items.map(one => one.text).join(`${blank},${blank}`)}]`,
    numbers: items.flatMap(one => one.numbers),
  })),
)

/** By the definition: out of the range of a double, or written as an integer that its double is not. */
const isUnsafe = (one: string): boolean => !Number.isFinite(Number(one)) || (/^-?\d+$/.test(one) && BigInt(one) !== BigInt(Number(one)))

describe('numbers of JSON that a double cannot hold', () => {
  it('are found exactly, against a reference by BigInt', () => {
    fc.assert(
      fc.property(json, ({ text: whole, numbers }) => {
        JSON.parse(whole)
        expect(unsafeNumbers(whole).map(found => found.text)).toEqual(numbers.filter(isUnsafe))
      }),
      { numRuns: 1000 },
    )
  })

  it('never pass the quick look', () => {
    fc.assert(
      fc.property(json, space, ({ text: whole, numbers }, blank) => {
        if (numbers.some(isUnsafe)) expect(holdsLargeNumber(JSON.parse(blank + whole))).toBe(true)
      }),
      { numRuns: 3000 },
    )
  })

  it.each([
    '{"id":"12345678901234567","n":1}',
    '{"at":1714567890123,"f":0.12345678901234567,"e":1e15,"t":[1.5e-10]}',
    '{"uuid":"550e8400-e29b-41d4-a716-446655440000"}',
    '{"v":"1e999"}',
  ])('are not suspected in %s', record => {
    expect(holdsLargeNumber(JSON.parse(record))).toBe(false)
  })

  it.each([
    ['9007199254740991', false],
    ['9007199254740992', false],
    ['9007199254740993', true],
    ['-9007199254740993', true],
    ['9007199254740994', false],
    ['100000000000000000000', false],
    ['12345678901234567890', true],
    ['1e308', false],
    ['1e309', true],
    ['-1E+0309', true],
    ['1.0e400', true],
    ['0e999', false],
    [`1${'0'.repeat(400)}`, true],
    ['9007199254740993.5', false],
  ])('%s: %s', (one, expected) => {
    expect(unsafeNumbers(`[${one}]`).length === 1).toBe(expected)
  })

  it('become strings of their digits', () => {
    const record = '{"a":12345678901234567890,"b":[1,-9007199254740993],"c":"12345678901234567890"}'
    expect(JSON.parse(quoteNumbers(record, unsafeNumbers(record)))).toEqual({
      a: '12345678901234567890',
      b: [1, '-9007199254740993'],
      c: '12345678901234567890',
    })
  })

  it('cost no more than their length: a million digits', () => {
    expect(unsafeNumbers('9'.repeat(1_000_000))).toHaveLength(1)
  })
})
