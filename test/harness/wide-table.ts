import fc from 'fast-check'
import type { ColumnDefinition } from '../../src/tables/column.js'
import { table } from '../../src/tables/table.js'

/** A table with every type, nullable and not, defaults and arrays. */
export const wideTable = (name: string) =>
  table(
    name,
    c => ({
      id: c.bigint(),
      'a "quoted" näme': c.text(),
      short: c.varchar(5),
      whole: c.integer(),
      exact: c.numeric(),
      near: c.double(),
      flag: c.boolean(),
      moment: c.timestamptz(),
      day: c.date(),
      unique_id: c.uuid(),
      body: c.jsonb(),
      bytes: c.bytea(),
      texts: c.array(c.text().nullable()),
      wholes: c.array(c.integer()),
      exacts: c.array(c.numeric()),
      nears: c.array(c.double()),
      moments: c.array(c.timestamptz()),
      bodies: c.array(c.jsonb()),
      blobs: c.array(c.bytea()),
      maybe_text: c.text().nullable(),
      maybe_whole: c.integer().nullable(),
      maybe_body: c.jsonb().nullable(),
      maybe_texts: c.array(c.text()).nullable(),
      state: c.text().default('it\'s a "new" one\\?'),
      counted: c.bigint().default({ sql: '1 + 1' }),
      noted: c.timestamptz().nullable().default({ sql: 'null' }),
    }),
    { key: ['id'], create: true },
  )

/** Any text that Postgres takes: what means something in COPY, JSON, array literals and SQL comes often. */
export const takenText = fc.oneof(
  fc.string({
    unit: fc.constantFrom(
      '\\',
      '"',
      "'",
      '{',
      '}',
      ',',
      '\t',
      '\n',
      '\r',
      '\\.',
      'N',
      'NULL',
      ' ',
      'a',
      'é',
      '😀',
      '\u2028',
      '\x01',
      '\x7f',
    ),
  }),
  fc.string({ unit: 'binary' }).map(text => text.replaceAll('\0', '')),
)

const digits = fc.stringMatching(/^\d{1,20}$/)
export const takenNumeric = fc.oneof(
  fc
    .tuple(fc.constantFrom('', '-', '+'), digits, fc.constantFrom('', '.', '.0', '.50'), fc.constantFrom('', 'e3', 'E-12', 'e+0'))
    .map(parts => parts.join('')),
  fc.constantFrom('.5', ' 1.0 ', '\n7', 'NaN', 'Infinity', '-inf', '0.000', '-0', '1e1000', '1e-1000'),
  fc.bigInt(),
  fc.double(),
  fc.integer(),
)

const MIN_MS = Date.UTC(-4713, 10, 24)
export const takenMoment = fc.oneof(
  fc.date({ min: new Date(MIN_MS), noInvalidDate: true }),
  fc.date({ min: new Date('1969-12-30T00:00:00Z'), max: new Date('2030-01-01T00:00:00Z'), noInvalidDate: true }),
  fc
    .date({ min: new Date('0001-01-01T00:00:00Z'), max: new Date('9999-12-31T23:59:59.999Z'), noInvalidDate: true })
    .map(date => date.toISOString()),
  fc.constantFrom(
    '2024-02-29',
    '2024-02-29 23:59:60+05:30',
    '2024-02-29T24:00:00-12',
    '0044-03-15 BC',
    '2001-01-01T00:00:00.123456Z',
    '20000-01-01T00:00Z',
  ),
)

const takenJson = fc.oneof(
  fc
    .jsonValue({ maxDepth: 3 })
    .filter(
      value =>
        !JSON.stringify(value).includes('\\u0000') && JSON.stringify(value).isWellFormed() && !/\\ud[89a-f]/.test(JSON.stringify(value)),
    ),
  fc.dictionary(takenText, takenText, { maxKeys: 3 }),
  takenText,
)
const takenBytes = fc.uint8Array({ maxLength: 40 })
const takenWhole = fc.oneof(fc.integer(), fc.constantFrom(-2147483648, 2147483647, -0))
const takenBig = fc.oneof(fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }), fc.maxSafeInteger())
const takenDouble = fc.oneof(
  fc.double(),
  fc.constantFrom(0, -0, Number.NaN, Infinity, -Infinity, 5e-324, 1.7976931348623157e308, 1e21, 1e-7),
)
const few = { maxLength: 4 }

/** Any row that the wide table takes. `id` is left to the caller. */
export const takenRow = fc.record(
  {
    'a "quoted" näme': takenText,
    short: takenText.map(text => [...text].slice(0, 5).join('')),
    whole: takenWhole,
    exact: takenNumeric,
    near: takenDouble,
    flag: fc.boolean(),
    moment: takenMoment,
    day: takenMoment,
    unique_id: fc.oneof(
      fc.uuid(),
      fc.uuid().map(id => `{${id.toUpperCase()}}`),
      fc.uuid().map(id => id.replaceAll('-', '')),
    ),
    body: takenJson,
    bytes: takenBytes,
    texts: fc.array(fc.option(takenText), few),
    wholes: fc.array(takenWhole, few),
    exacts: fc.array(takenNumeric, few),
    nears: fc.array(takenDouble, few),
    moments: fc.array(takenMoment, few),
    bodies: fc.array(
      takenJson.filter(value => value !== null),
      few,
    ),
    blobs: fc.array(takenBytes, few),
    maybe_text: fc.option(takenText),
    maybe_whole: fc.option(takenWhole, { nil: undefined }),
    maybe_body: fc.option(takenJson),
    maybe_texts: fc.option(fc.array(takenText, few)),
    state: takenText,
    counted: takenBig,
    noted: fc.option(takenMoment),
  },
  {
    requiredKeys: [
      'a "quoted" näme', 'short', 'whole', 'exact', 'near', 'flag', 'moment', 'day', 'unique_id', 'body', 'bytes',
      'texts', 'wholes', 'exacts', 'nears', 'moments', 'bodies', 'blobs',
    ],
  }, // biome-ignore format: a list of names
)

/** A value and what the server gives for it, `column::text` or of an array `array_to_json(column::text[])::text`, as one comparable text each. */
export function sameText(column: unknown, given: unknown, read: string | null): readonly [string, string] {
  const { type, isArray, isNullable } = column as ColumnDefinition
  const sql = type.sql.replace('[]', '')
  if (given === null && (isNullable || sql !== 'jsonb')) return ['NULL', read ?? 'NULL']
  if (given === undefined) return ['NULL', read ?? 'NULL']
  const canonical = type.canonical as (value: unknown) => string
  if (read === null) return [canonical(given), 'NULL']
  const value = isArray
    ? (JSON.parse(read) as (string | null)[]).map(text => (text === null ? null : valueOf(sql, text)))
    : valueOf(sql, read)
  return [canonical(given), canonical(value)]
}

function valueOf(sql: string, text: string): unknown {
  switch (sql) {
    case 'integer':
    case 'double precision':
      return Number(text)
    case 'bigint':
      return BigInt(text)
    case 'boolean':
      return text === 'true'
    case 'bytea':
      return Buffer.from(text.slice(2), 'hex')
    case 'jsonb':
      return JSON.parse(text)
    default:
      return text
  }
}
