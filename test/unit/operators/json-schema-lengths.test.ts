import { _, str } from 'ajv'
import { Ajv2020 } from 'ajv/dist/2020.js'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { quickLengths } from '../../../src/operators/json-schema-lengths.js'

const options = { allErrors: true, strictTypes: false }
const quick = quickLengths(new Ajv2020(options), { _, str })
const plain = new Ajv2020(options)

describe('lengths of texts in JSON Schemas', () => {
  it.each([0, 1, 2, 3, 5])('are judged as by ajv itself, with the same errors: bounds of %d', bound => {
    const schema = { minLength: bound, maxLength: bound }
    const ours = quick.compile(schema)
    const theirs = plain.compile(schema)
    // Pairs, halves of pairs in either order, and characters of one unit.
    const text = fc.array(fc.constantFrom('a', 'ä', '😀', '\ud83d', '\ude00', '田'), { maxLength: 8 }).map(units => units.join(''))
    fc.assert(
      fc.property(text, value => {
        expect(ours(value)).toBe(theirs(value))
        expect(ours.errors).toEqual(theirs.errors)
      }),
      { numRuns: 500 },
    )
  })

  it('are bounds of texts alone', () => {
    expect(quick.validate({ minLength: 2, maxLength: 2 }, 7)).toBe(true)
  })
})
