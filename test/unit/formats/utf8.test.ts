import { isUtf8 } from 'node:buffer'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { utf8Text } from '../../../src/formats/utf8.js'

describe('utf8Text', () => {
  it('decodes what TextEncoder encodes', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary', maxLength: 40 }), text => {
        const wellFormed = text.toWellFormed().replace(/^\ufeff/, '')
        expect(utf8Text(new TextEncoder().encode(wellFormed))).toBe(wellFormed.replace(/^\ufeff/, ''))
      }),
    )
  })

  it('drops one byte order mark', () => {
    expect(utf8Text(Buffer.from('\ufeffa'))).toBe('a')
    expect(utf8Text(Buffer.from('a\ufeff'))).toBe('a\ufeff')
    expect(utf8Text(new Uint8Array())).toBe('')
  })

  it('names the first wrong byte: all before it is right, and with it nothing is', () => {
    fc.assert(
      fc.property(
        fc.array(
          fc.oneof(
            fc.constantFrom('a', 'é', '€', '😀', '\ufffd').map(c => [...Buffer.from(c)]),
            fc.nat(255).map(b => [b]),
          ),
          { maxLength: 12 },
        ),
        parts => {
          const bytes = Uint8Array.from(parts.flat())
          const result = utf8Text(bytes)
          if (isUtf8(bytes)) expect(typeof result).toBe('string')
          else {
            expect(isUtf8(bytes.subarray(0, result as number))).toBe(true)
            for (let end = (result as number) + 1; end <= Math.min(bytes.length, (result as number) + 4); end++) {
              expect(isUtf8(bytes.subarray(result as number, end))).toBe(false)
            }
          }
        },
      ),
      { numRuns: 1000 },
    )
  })

  it('tells a genuine U+FFFD from a replaced byte', () => {
    expect(utf8Text(Buffer.from('a\ufffdb'))).toBe('a\ufffdb')
    expect(utf8Text(Buffer.concat([Buffer.from('a\ufffd'), Buffer.from([0xff])]))).toBe(4)
  })
})
