import { isUtf8 } from 'node:buffer'
import { describe, expect, test } from 'vitest'
import { isMillraceError } from '../../../src/core/errors.js'
import type { Columns } from '../../../src/tables/column.js'
import { PART_BYTES } from '../../../src/tables/row-shape.js'
import { table } from '../../../src/tables/table.js'
import { tableCodec } from '../../../src/tables/table-codec.js'

const refusal = (define: () => unknown): string => {
  try {
    define()
  } catch (error) {
    if (isMillraceError(error)) return `${error.code}: ${error.message}`
    throw error
  }
  return 'nothing'
}
const id = (c: Columns) => ({ id: c.integer() })

const textOf = (parts: Iterable<Buffer>): string => Buffer.concat([...parts]).toString()

describe('table', () => {
  test.each([
    ['an empty name', () => table('', id)],
    ['an empty schema', () => table('.a', id)],
    ['three names', () => table('a.b.c', id)],
    ['a name of 64 bytes', () => table('ä'.repeat(32), id)],
    ['a name with NUL', () => table('a\0', id)],
    ['a name with half a character', () => table('a\ud800', id)],
    ['no columns', () => table('t', () => ({}))],
    ['a column without a name', () => table('t', c => ({ '': c.text() }))],
    ['a column named as what every object has', () => table('t', c => ({ constructor: c.text() }) as never)],
    ['a column that is none', () => table('t', () => ({ id: 'text' }) as never)],
    ['a key that is no column', () => table('t', id, { key: ['other' as never] })],
    ['a key that every object has', () => table('t', id, { key: ['toString' as never] })],
    ['a nullable key', () => table('t', c => ({ id: c.text().nullable() }), { key: ['id'] })],
    ['a default of another type', () => table('t', c => ({ id: c.integer().default(1.5) }))],
    ['null as default of what is not nullable', () => table('t', c => ({ id: c.text().default(null as never) }))],
    ['varchar(0)', () => table('t', c => ({ id: c.varchar(0) }))],
    ['an array of arrays', () => table('t', c => ({ id: c.array(c.array(c.text())) }))],
    ['an array of columns with a default', () => table('t', c => ({ id: c.array(c.text().default('') as never) }))],
    ['another word for extra', () => table('t', id, { extra: 'collect' as never })],
  ])('refuses %s', (_, define) => {
    expect(refusal(define)).toMatch(/^MILL_OPTION_INVALID: /)
  })

  test('refuses options that it does not know, with a suggestion', () => {
    expect(refusal(() => table('t', id, { keys: ['id'] } as never))).toBe(
      'MILL_OPTION_UNKNOWN: table t: there is no option keys; did you mean key?',
    )
  })

  test('says which name it wants', () => {
    expect(refusal(() => table('a.b.c', id))).toBe(
      'MILL_OPTION_INVALID: table a.b.c: expected name to be a name or schema.name, each of 1 to 63 bytes, got "a.b.c"',
    )
  })

  test('takes names of Postgres, however odd', () => {
    const odd = table('Sales "x".my orders', c => ({ 'a b': c.text(), __proto__x: c.text(), '1': c.integer() }), { key: ['a b'] })
    expect(tableCodec(odd).sqlName).toBe('"Sales ""x"""."my orders"')
  })

  test('gives out what it was made of, frozen', () => {
    const signups = table('signups', c => ({ id: c.bigint(), email: c.text().nullable() }), { key: ['id'] })
    expect(signups).toMatchObject({ name: 'signups', key: ['id'] })
    expect(Object.isFrozen(signups) && Object.isFrozen(signups.columns) && Object.isFrozen(signups.key)).toBe(true)
    expect(tableCodec(signups)).toBe(tableCodec(signups))
  })

  test('a column is not changed by what is made of it', () => {
    const mixed = table('t', c => {
      const text = c.text()
      return { a: text.nullable(), b: text.default('x'), c: text }
    })
    const { checkRow } = tableCodec(mixed)
    expect(checkRow({ c: '' })).toBeUndefined()
    expect(checkRow({ a: null, b: '', c: '' })).toBeUndefined()
    expect(checkRow({ b: null, c: '' })?.message).toContain('column b of table t takes a value, not null')
    expect(checkRow({})?.message).toContain('column c of table t takes a value')
  })

  test('tableCodec wants what table() made', () => {
    expect(refusal(() => tableCodec({ name: 't', columns: {}, key: [] } as never))).toMatch(/^MILL_OPTION_INVALID/)
  })
})

const wide = table('wide', c => ({
  id: c.bigint(),
  email: c.text(),
  short: c.varchar(3).nullable(),
  body: c.jsonb().nullable(),
  tags: c.array(c.text()).nullable(),
  amount: c.numeric().nullable(),
  at: c.timestamptz().nullable(),
}))
const wideCodec = tableCodec(wide)
const good = { id: 1, email: 'a' }

describe('checkRow', () => {
  test.each([
    [{ ...good, email: 1 }, 'column email of table wide takes a text, got 1'],
    [{ ...good, email: 'a\0b' }, 'column email of table wide takes a text without NUL characters, got "a\\u0000b"'],
    [{ ...good, email: 'a\ud800' }, 'column email of table wide takes a text without lone surrogates, got "a\\ud800"'],
    [{ id: 1, email: null }, 'column email of table wide takes a value, not null, got null'],
    [{ id: 1 }, 'column email of table wide takes a value: it is neither nullable nor has a default, got nothing'],
    [{ ...good, short: 'abcd' }, 'column short of table wide takes a text of at most 3 characters, got "abcd"'],
    [{ ...good, id: 2 ** 53 }, 'column id of table wide takes a whole number up to 2^53 - 1, or a bigint, got 9007199254740992'],
    [
      { ...good, id: 2n ** 63n },
      'column id of table wide takes a bigint from -9223372036854775808 to 9223372036854775807, got 9223372036854775808n',
    ],
    [{ ...good, id: '1' }, 'column id of table wide takes a whole number or a bigint, got "1"'],
    [{ ...good, tags: ['a', null] }, 'column tags of table wide takes at index 1 of its array no null, got ["a",null]'],
    [{ ...good, tags: 'a' }, 'column tags of table wide takes an array of text, got "a"'],
    [{ ...good, amount: '1,5' }, 'column amount of table wide takes a number, a bigint, or a number as text, got "1,5"'],
    [{ ...good, at: new Date(Number.NaN) }, 'column at of table wide takes a valid date, got an invalid date'],
    [{ ...good, at: 'yesterday' }, 'column at of table wide takes a Date or a text like 2024-02-29T12:00:00Z, got "yesterday"'],
    [{ ...good, emai: 'a' }, 'column is not in table wide: emai (did you mean email?)'],
    [{ ...good, other: undefined }, 'column is not in table wide: other'],
    [JSON.parse('{"id":1,"email":"a","__proto__":{"short":"abcdef"}}'), 'column is not in table wide: __proto__'],
    ['text', 'column * of table wide takes an object with at least one column as its field, got "text"'],
    [null, 'column * of table wide takes an object with at least one column as its field, got null'],
  ])('refuses %o', (row, message) => {
    expect(wideCodec.checkRow(row)?.message).toBe(message)
  })

  test('takes what is right', () => {
    expect(wideCodec.checkRow(good)).toBeUndefined()
    expect(wideCodec.checkRow({ ...good, short: undefined, body: null, tags: [], amount: Number.NaN, at: '2024-02-29' })).toBeUndefined()
    expect(wideCodec.checkRow(Object.assign(Object.create(null), good))).toBeUndefined()
  })

  test('shows long values short', () => {
    const error = wideCodec.checkRow({ ...good, short: 'x'.repeat(1_000_000) })
    expect(error!.message.length).toBeLessThan(300)
  })

  const cycle: { self?: unknown } = {}
  cycle.self = cycle
  test.each([
    ['a bigint', { a: [1n] }, 'JSON, which knows no bigint'],
    ['a function', { a: () => 1 }, 'JSON, which knows no function'],
    ['a symbol', [Symbol('s')], 'JSON, which knows no symbol'],
    ['a cycle', cycle, 'JSON nested at most 1000 deep, without cycles'],
    ['NaN', { a: Number.NaN }, 'JSON, which knows neither NaN nor infinities'],
    ['NUL', { a: ['\0'] }, 'JSON whose texts are a text without NUL characters'],
    ['NUL in a key', { '\0': 1 }, 'JSON whose keys are a text without NUL characters'],
    ['what toJSON gives', { toJSON: () => '\ud800' }, 'JSON whose texts are a text without lone surrogates'],
    ['a boxed text', new String('\0'), 'JSON whose texts are a text without NUL characters'],
  ])('refuses JSON with %s', (_, body, expected) => {
    expect(wideCodec.checkRow({ ...good, body })?.message).toContain(`column body of table wide takes ${expected}, got `)
  })

  test('takes JSON with dates, with what JSON leaves out, and with keys of every kind', () => {
    const body = { at: new Date(0), left: undefined, list: [undefined, null], ...JSON.parse('{"__proto__":1}') }
    expect(wideCodec.checkRow({ ...good, body })).toBeUndefined()
  })

  test('never throws, whatever a row does when it is read', () => {
    const row = {
      ...good,
      get body() {
        throw new Error('no body')
      },
    }
    expect(wideCodec.checkRow(row)).toMatchObject({ code: 'MILL_COLUMN_VALUE', cause: { message: 'no body' } })
    const toJSON = () => {
      throw new Error('no JSON')
    }
    expect(wideCodec.checkRow({ ...good, body: { toJSON } })).toMatchObject({ code: 'MILL_COLUMN_VALUE' })
  })

  test("lets unknown fields pass where the table says extra: 'ignore'", () => {
    const open = tableCodec(table('open', id, { extra: 'ignore' }))
    expect(open.checkRow({ id: 1, other: 2 })).toBeUndefined()
    expect(open.shapesOf([{ id: 1, other: 2 }])[0]!.shape.json([{ id: 1, other: 2 }])).toBe('[{"id":1}]')
  })

  test('wants at least one column, since no row is written without', () => {
    const all = tableCodec(table('all', c => ({ a: c.integer().default(1), b: c.text().nullable().default('x') })))
    expect(all.checkRow({})?.code).toBe('MILL_COLUMN_VALUE')
    expect(all.checkRow({ b: null })).toBeUndefined()
  })
})

describe('shapes', () => {
  const codec = tableCodec(
    table('t', c => ({
      id: c.integer(),
      state: c.text().default('new'),
      at: c.timestamptz().default({ sql: 'now()' }),
      note: c.text().nullable(),
    })),
  )

  test('rows that leave nothing to a default are one group, as they are', () => {
    const rows = [{ id: 1, state: '', at: new Date(0), note: undefined }]
    const [only, ...others] = codec.shapesOf(rows)
    expect(others).toEqual([])
    expect(only!.rows).toEqual(rows)
    expect(only!.indexes).toBeNull()
    expect(only!.shape.columnList).toBe('"id", "state", "at", "note"')
    expect(textOf(only!.shape.copyParts(rows))).toBe('1\t\t1970-01-01T00:00:00Z\t\\N\n')
  })

  test('rows are grouped by what they leave to defaults, in order, with their places', () => {
    const rows = [{ id: 0 }, { id: 1, state: 'x' }, { id: 2, note: 'n' }, { id: 3, state: 'y', at: undefined }]
    const groups = codec.shapesOf(rows)
    expect(groups.map(({ shape, indexes }) => [shape.columns, indexes])).toEqual([
      [
        ['id', 'note'],
        [0, 2],
      ],
      [
        ['id', 'state', 'note'],
        [1, 3],
      ],
    ])
    expect(groups[0]!.shape.json(groups[0]!.rows)).toBe('[{"id":0,"note":null},{"id":2,"note":"n"}]')
    expect(groups[0]!.shape.recordsetType).toBe('"id" integer, "note" text')
    expect(codec.shapesOf(rows)[0]!.shape).toBe(groups[0]!.shape)
  })

  test('no rows are no groups, or an empty one', () => {
    expect(codec.shapesOf([]).flatMap(({ rows }) => rows)).toEqual([])
  })

  test('text that fills many buffers arrives whole', () => {
    const one = tableCodec(table('t', c => ({ a: c.text() })))
    // Where a part ends within a line: at 40,960 units, the first of them or the second of a pair.
    for (const length of [1, 8_191, 8_192, 8_193, 20_479, 20_480, 40_959, 40_960, 40_961, 100_000]) {
      const rows = ['x', 'ü', '語', '😀', 'y😀'].map(unit => ({ a: unit.repeat(length) }))
      const [{ shape }] = one.shapesOf(rows) as [ReturnType<typeof one.shapesOf>[0]]
      const parts = [...shape.copyParts(rows)]
      expect(textOf(parts)).toBe(rows.map(({ a }) => `${a}\n`).join(''))
      expect(Math.max(...parts.map(part => part.length))).toBeLessThanOrEqual(PART_BYTES)
      for (const part of parts) expect(isUtf8(part)).toBe(true)
      expect(JSON.parse(shape.json(rows))).toEqual(rows)
    }
  })
})

describe('conflictKey', () => {
  const codec = tableCodec(table('t', c => ({ a: c.bigint(), b: c.text(), c: c.text().default('x') }), { key: ['a', 'b'] }))
  test('is the same for the same key only', () => {
    expect(codec.conflictKey({ a: 1, b: 'x' })).toBe(codec.conflictKey({ a: 1n, b: 'x', c: 'other' }))
    expect(codec.conflictKey({ a: 1, b: '1' })).not.toBe(codec.conflictKey({ a: 11, b: '' }))
  })
  test('is undefined without a key, for a key left to its default, and for what is no row', () => {
    expect(wideCodec.conflictKey(good)).toBeUndefined()
    const withDefault = tableCodec(table('t', c => ({ id: c.uuid().default({ sql: 'gen_random_uuid()' }) }), { key: ['id'] }))
    expect(withDefault.conflictKey({})).toBeUndefined()
    for (const row of [null, undefined, 1, { a: Symbol('s'), b: {} }]) expect(() => codec.conflictKey(row)).not.toThrow()
  })
})
