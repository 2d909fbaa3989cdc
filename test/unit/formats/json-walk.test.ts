import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { walkJson } from '../../../src/formats/json-walk.js'

const parses = (text: string): boolean => {
  try {
    JSON.parse(text)
    return true
  } catch {
    return false
  }
}

describe('walkJson', () => {
  it('takes what JSON.parse takes', () => {
    fc.assert(
      fc.property(fc.json({ noUnicodeString: false }), fc.constantFrom(undefined, 1, '\t'), (json, indent) => {
        expect(walkJson(json)).toBeNull()
        expect(walkJson(` ${JSON.stringify(JSON.parse(json), null, indent)}\n`)).toBeNull()
      }),
    )
  })

  it('refuses what JSON.parse refuses: a text with one character changed, left out or put in', () => {
    const character = fc.constantFrom(...'{}[],:"\\019.-+eEtrufalsn \t\n\u0000x')
    fc.assert(
      fc.property(fc.json({ maxDepth: 3 }), fc.nat(), fc.constantFrom('change', 'drop', 'insert'), character, (json, seed, what, c) => {
        const at = seed % (json.length + 1)
        const text =
          what === 'drop' ? json.slice(0, at) + json.slice(at + 1) : json.slice(0, at) + c + json.slice(what === 'change' ? at + 1 : at)
        expect(walkJson(text) === null).toBe(parses(text))
      }),
      { numRuns: 3000 },
    )
  })

  it.each([
    ['', 0, 'expected a value, got the end'],
    ['{"a":}', 5, 'expected a value, got "}"'],
    ['[1 2]', 3, 'expected "," or "]", got "2"'],
    ['{"a" 1}', 5, 'expected ":", got "1"'],
    ['{a:1}', 1, 'expected a key in double quotes, got "a"'],
    ['[1,]', 3, 'expected a value, got "]"'],
    ['"a', 2, 'a string without end'],
    ['"\u0001"', 1, 'a control character in a string'],
    ['"\\x"', 1, 'a wrong escape in a string'],
    ['-', 1, 'expected a digit, got the end'],
    ['01', 1, 'expected the end, got "1"'],
    ['nul', 0, 'expected a value, got "n"'],
  ])('says of %j where and why', (text, at, reason) => {
    expect(walkJson(text)).toEqual({ at, reason })
  })

  it('gives numbers with place and path', () => {
    const text = '{"a": [1, {"b/c": -2.5e3, "d~": []}], "__proto__": 7, "\\u00e9": 8}'
    const seen: string[] = []
    expect(walkJson(text, (start, end, pathOf) => seen.push(`${pathOf()}=${text.slice(start, end)}`))).toBeNull()
    expect(seen).toEqual(['/a/0=1', '/a/1/b~1c=-2.5e3', '/__proto__=7', '/é=8'])
  })

  it('bears any depth', () => {
    expect(walkJson('['.repeat(100_000) + ']'.repeat(100_000))).toBeNull()
    expect(walkJson('['.repeat(100_000))).toMatchObject({ at: 100_000 })
  })
})
