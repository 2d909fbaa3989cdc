import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { bytesLines, placesIn } from '../../../src/cli/quarantine/bytes-lines.js'
import { exportLine, importLine } from '../../../src/cli/quarantine/entry-ndjson.js'
import { jsonLines } from '../../../src/cli/quarantine/json-lines.js'
import { clipped, printable } from '../../../src/cli/quarantine/printable.js'
import type { Quarantine, QuarantinedRecord } from '../../../src/core/quarantine.js'
import { fileQuarantine, memoryQuarantine } from '../../../src/index.js'
import { entriesOf } from '../../harness/failures.js'

const text = fc.string({ unit: 'binary', maxLength: 12 })
const bytes = fc.uint8Array({ maxLength: 40 })
const moment = fc.integer({ min: 0, max: 2_000_000_000_000 })
const report = fc.record(
  { name: text, message: text, code: text, sqlstate: text, constraint: text, cause: fc.record({ name: text, message: text }) },
  { requiredKeys: ['name', 'message'] },
)
const record = fc.record(
  {
    pipeline: text,
    at: moment,
    stage: text,
    error: report,
    attempts: fc.array(fc.record({ at: moment, error: report }), { maxLength: 3 }),
    origin: fc.record({ source: text, partition: text, position: fc.oneof(fc.maxSafeNat(), text), part: text }),
    raw: bytes,
    rawBytes: fc.nat(),
    rawSha256: fc.constant('ab'.repeat(32)),
    isTombstone: fc.constant(true as const),
    key: fc.option(bytes),
    headers: fc.array(fc.tuple(text, bytes), { maxLength: 3 }),
    timestamp: moment,
    version: text,
  },
  { requiredKeys: ['pipeline', 'at', 'stage', 'error', 'attempts', 'origin', 'raw', 'rawBytes', 'key', 'headers', 'timestamp', 'version'] },
) as unknown as fc.Arbitrary<QuarantinedRecord>

const exported = async (quarantine: Quarantine) => (await entriesOf(quarantine)).map(exportLine)

describe('what export writes', () => {
  test('is the same after an import, whatever the entries hold', () =>
    fc.assert(
      fc.asyncProperty(fc.array(record, { maxLength: 5 }), async records => {
        const first = memoryQuarantine()
        await first.restore!(records)
        const lines = await exported(first)
        const second = memoryQuarantine()
        await second.restore!(lines.map(importLine))
        expect(await exported(second)).toEqual(lines)
        // Again over what is there.
        await second.restore!(lines.map(importLine))
        expect(await exported(second)).toEqual(lines)
      }),
    ))

  test('is the same after it went through a directory', () =>
    fc.assert(
      fc.asyncProperty(fc.array(record, { maxLength: 3 }), async records => {
        const directory = await mkdtemp(join(tmpdir(), 'millrace-export-'))
        try {
          const first = memoryQuarantine()
          await first.restore!(records)
          const lines = await exported(first)
          const second = fileQuarantine(directory)
          await second.restore!(lines.map(importLine))
          expect(await exported(second)).toEqual(lines)
        } finally {
          await rm(directory, { recursive: true, force: true })
        }
      }),
      { numRuns: 20 },
    ))

  test.each([
    ['{}', /format is not/],
    ['[1', /JSON/],
    ['null', /format is not/],
  ])('refuses %s', (line, said) => {
    expect(() => importLine(line)).toThrow(said)
  })

  test('names the member that is wrong', () => {
    const [line] = [exportLine({ ...sample, id: '1' })]
    for (const [from, to, said] of [
      ['"at":1', '"at":"1"', 'at is not'],
      ['"raw":"eA=="', '"raw":"?"', 'raw is not'],
      ['"part":""', '"part":0', 'origin is not'],
      ['"headers":[]', '"headers":[["a"]]', 'headers is not'],
    ] as const)
      expect(() => importLine(line.replace(from, to))).toThrow(said)
  })
})

describe('JSON on lines', () => {
  test('is the same value, whatever it holds', () => {
    fc.assert(
      fc.property(fc.json(), given => {
        const lines = jsonLines(given)!
        expect(JSON.parse(lines.map(line => line.text).join('\n'))).toEqual(JSON.parse(given))
      }),
    )
  })

  test('looks as JSON.stringify writes it, and knows where each line is', () => {
    fc.assert(
      fc.property(fc.json(), given => {
        const lines = jsonLines(given)!
        const value = JSON.parse(given) as unknown
        // Repeated keys, and those like numbers, which an object puts first, stand as they were.
        if (/"(\d+|__proto__)":/.test(given)) return
        expect(lines.map(line => line.text).join('\n')).toBe(JSON.stringify(value, null, 2))
        for (const { text: line, pointer } of lines) {
          if (pointer === null) continue
          const found = at(value, pointer)
          const shown = JSON.stringify(found, null, 2).split('\n')[0]!
          expect(line).toContain(shown)
        }
      }),
    )
  })

  test('keeps what a double cannot hold, repeated keys and escapes', () => {
    expect(jsonLines('{"a":12345678901234567890,"a":1e400,"b":"\\u0041","c":[],"d":{}}')?.map(line => line.text)).toEqual([
      '{',
      '  "a": 12345678901234567890,',
      '  "a": 1e400,',
      '  "b": "\\u0041",',
      '  "c": [],',
      '  "d": {}',
      '}',
    ])
    expect(jsonLines('{"a":')).toBeUndefined()
  })
})

describe('bytes for people', () => {
  const none = { pointers: new Map() }

  test('are JSON where they are, with what is wrong beside its line', () => {
    const places = placesIn('/a/b~1c/1 must be integer; /a/x is required; value must be fun')
    expect(bytesLines(Buffer.from('{"a":{"b/c":[1,"2"]}}'), places)).toEqual([
      '{    ← must be fun',
      '  "a": {    ← x is required',
      '    "b/c": [',
      '      1,',
      '      "2"    ← must be integer',
      '    ]',
      '  }',
      '}',
    ])
  })

  test('are text where they are no JSON, with a mark below the place', () => {
    const places = placesIn('not JSON: expected a value, got "}" at line 2, column 4')
    expect(bytesLines(Buffer.from('[\n\t1,}'), places)).toEqual(['[', '\t1,}', '\t  ^ here'])
  })

  test('are a dump with offsets where they are no text', () => {
    const given = Buffer.from([...Buffer.from('0123456789abcdef'), 0x41, 0xff, 0x0a])
    expect(bytesLines(given, placesIn('byte 17 is not UTF-8'))).toEqual([
      '00000000  30 31 32 33 34 35 36 37 38 39 61 62 63 64 65 66  |0123456789abcdef|',
      `00000010  41 ff 0a${' '.repeat(39)}  |A..|    ← byte 17`,
    ])
    const large = bytesLines(Buffer.alloc(100_000, 0xff), placesIn('byte 50000 is not UTF-8'))
    expect([large[0], large.at(-1)]).toEqual([expect.stringMatching(/^… \d+ bytes before$/), expect.stringMatching(/^… \d+ bytes more/)])
    expect(large.filter(line => line.includes('← byte 50000'))).toHaveLength(1)
  })

  test('never move the cursor or change colours, and are bounded', () => {
    expect(bytesLines(Buffer.from('\u001b[31mred\u009b\u0007\r'), none)).toEqual(['\\x1b[31mred\\x9b\\x07\\x0d'])
    expect(printable('a\u202eb')).toBe('a\\u202eb')
    expect(clipped('a\n b\tc', 4)).toBe('a b…')
    expect(bytesLines(Buffer.from('x\n'.repeat(1_000)), none).at(-1)).toBe('… 601 lines more (--raw prints them all)')
  })

  test('find no place where an error names none', () => {
    expect(placesIn('no address: nobody')).toEqual(none)
    expect(placesIn('')).toEqual(none)
  })
})

const sample: QuarantinedRecord = {
  pipeline: 'p',
  at: 1,
  stage: 's',
  error: { name: 'Error', message: 'm' },
  attempts: [],
  origin: { source: 's', partition: '0', position: 1, part: '' },
  raw: Buffer.from('x'),
  rawBytes: 1,
  key: null,
  headers: [],
  timestamp: 1,
  version: '0',
}

function at(value: unknown, pointer: string): unknown {
  const steps = pointer
    .split('/')
    .slice(1)
    .map(step => step.replaceAll('~1', '/').replaceAll('~0', '~'))
  return steps.reduce((found, step) => (found as Record<string, unknown>)[step], value)
}
