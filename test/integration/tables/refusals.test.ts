import fc from 'fast-check'
import { expect, test } from 'vitest'
import { openDatabase, postgres } from '../../../src/drivers/postgres/database.js'
import type { DatabaseSession } from '../../../src/drivers/postgres/database-session.js'
import { type Column, type ColumnDefinition, columns } from '../../../src/tables/column.js'
import { MAX_JSON_DEPTH } from '../../../src/tables/column-types/jsonb.js'
import { describePostgres, withDatabase } from '../../harness/database.js'
import { takenNumeric, takenText } from '../../harness/wide-table.js'

const runs = process.env['MILLRACE_LONG'] ? 200 : 25

/** Says for each JSON value whether a recordset's column of that type takes it. */
const TAKES = `
create or replace function takes(kind text, value text) returns boolean language plpgsql as $$
begin
  execute format('create temporary table taken (x %s) on commit drop', kind);
  begin
    execute format('insert into taken select x from jsonb_to_recordset($1::jsonb) as r(x %s)', kind) using value;
  exception when others then
    drop table taken;
    return false;
  end;
  drop table taken;
  return true;
end $$`

/** NUL and lone surrogates among the rest. */
const anyText = fc.oneof(takenText, fc.string({ unit: fc.constantFrom('a', '\0', '\ud83d', '\ude00', '\\', 'u0000', '"'), maxLength: 6 }))

/** A text with a few of its characters changed, doubled or left out. */
const mutated = (texts: fc.Arbitrary<string>): fc.Arbitrary<string> =>
  fc.tuple(texts, fc.nat(), fc.constantFrom('', '0', '9', '-', ':', '.', ' ', 'e', '+', 'Z'), fc.nat(2)).map(([text, at, put, taken]) => {
    const place = text.length === 0 ? 0 : at % text.length
    return text.slice(0, place) + put + text.slice(place + taken)
  })

/** Texts that look like ISO 8601, many of which are no moment. */
const isoish = fc
  .tuple(
    fc.integer({ min: 1, max: 6_000_000 }),
    fc.nat(14),
    fc.nat(33),
    fc.nat(25),
    fc.nat(61),
    fc.nat(61),
    fc.constantFrom('', 'Z', '+01', '-15:59', '+16:00'),
  )
  .map(([year, month, day, hour, minute, second, zone]) => {
    const two = (part: number) => `${part}`.padStart(2, '0')
    return `${`${year}`.padStart(4, '0')}-${two(month)}-${two(day)}T${two(hour)}:${two(minute)}:${two(second)}${zone}`
  })

/** Up to version 15 Postgres lets spaces pass within an exponent; here they are refused for all. */
const isSettled = (text: string): boolean => !/e\s/i.test(text)

/** Postgres reads far more forms of dates than ISO 8601; only those of its form are held against it. */
const isOurs = (text: string): boolean =>
  /^\d{4,7}-\d\d-\d\d([T ]\d\d:\d\d(:\d\d(\.\d{0,60})?)?([Zz]|[+-]\d\d(\d\d|:\d\d(:\d\d)?)?)?)?( BC)?$/.test(text)

describePostgres('checkRow', () => {
  const database = withDatabase()

  const agrees = (name: string, column: Column<never> | unknown, candidates: fc.Arbitrary<unknown>, always: readonly unknown[] = []) =>
    test(`agrees with the server on ${name}`, async () => {
      const { type } = column as ColumnDefinition
      const session = await openDatabase(postgres({ connection: database.connection }))
      try {
        await session.message(TAKES)
        await check(session, type, always)
        const some = fc.array(candidates, { minLength: 1, maxLength: 60 })
        await fc.assert(
          fc.asyncProperty(some, values => check(session, type, values)),
          { numRuns: runs },
        )
      } finally {
        await session.close()
      }
    })

  agrees('text', columns.text(), anyText)
  agrees('varchar', columns.varchar(5), fc.oneof(anyText, fc.string({ unit: fc.constantFrom('a', ' ', '😀', 'é'), maxLength: 9 })), [
    '', 'abcde', 'abcdef', 'abcde   ', '     ', '      ', '😀😀😀😀😀', '😀😀😀😀😀😀', '😀😀😀😀😀 ',
  ]) // biome-ignore format: a list of values
  agrees('integer', columns.integer(), fc.oneof(fc.integer(), fc.maxSafeInteger()), [2147483647, 2147483648, -2147483648, -2147483649, -0])
  agrees('bigint', columns.bigint(), fc.bigInt({ min: -(2n ** 65n), max: 2n ** 65n }), [
    2n ** 63n - 1n,
    2n ** 63n,
    -(2n ** 63n),
    -(2n ** 63n) - 1n,
  ])
  agrees('numeric', columns.numeric(), fc.oneof(takenNumeric, mutated(takenNumeric.map(String)).filter(isSettled), fc.stringMatching(/^[ +-]?[\d.eE+-]{0,8}$/)), [
    '', ' ', '.', '+', '1.', '.1', '1.e5', '1e', '1e+', '--1', '+NaN', 'nan', 'Inf', '-infinity', '+INFINITY', 'infinit', '1 2', '1_000', '0x10',
    '1e131071', '1e131072', '0e131072', '9e131071', '1e-16383', '1e-16384', '0e-16384', '1.5e-16382', '1.5e-16383', '0.0e5', '1e99999', '٣',
    '0'.repeat(140_000), '1'.repeat(131_072), '1'.repeat(131_073), `0.${'1'.repeat(16_383)}`, `0.${'1'.repeat(16_384)}`, `${'1'.repeat(131_072)}e1`,
    `${'1'.repeat(17_000)}e-17000`, '1e2147483648', '0e2147483648', '0e1073741822', '0e1073741824', '1e-2147483648', '1e-1073741824',
  ]) // biome-ignore format: a list of values
  agrees('double precision', columns.double(), fc.double(), [Number.NaN, Infinity, -Infinity, -0, 5e-324, 1.7976931348623157e308])
  agrees('boolean', columns.boolean(), fc.boolean())
  const moments = [
    '0000-01-01', '0001-01-01', '0001-01-01 BC', '4714-11-24 BC', '4714-11-23 BC', '4714-11-24T00:00:00Z BC', '4714-11-24T00:00:00+00:01 BC',
    '4714-11-24T00:00:00-00:01 BC', '294276-12-31T23:59:59.999999Z', '294277-01-01T00:00:00Z', '294276-12-31T23:59:59-01', '294277-01-01T00:30:00+01', '294276-12-31', '294277-01-01',
    '5874897-12-31', '5874898-01-01', '9999999-01-01', '2024-02-30', '2023-02-29', '2024-02-29', '1900-02-29', '2000-02-29', '2024-13-01', '2024-00-01', '2024-01-00', '2024-01-32', '2024-04-31',
    '2024-01-01T24:00:00Z', '2024-01-01T24:00:01Z', '2024-01-01T25:00:00Z', '2024-01-01T23:60:00Z', '2024-01-01T23:59:60Z', '2024-01-01T23:59:61Z',
    '2024-01-01T23:59:60.5Z', '2024-01-01T24:00:00.0Z', '2024-01-01T03:59:60.5Z', '2024-01-01T23:59:60.0000001Z', '2024-01-01T24:00:00.0000004Z', '2024-01-01 12:00+15:60', '2024-01-01 12:00+01:00:60', '2024-01-01T12:00Z', '2024-01-01T12:00', '2024-01-01 12:00:00', '2024-01-01 12:00:00+15:59',
    '2024-01-01 12:00:00+15:59:59', '2024-01-01 12:00:00+16', '2024-01-01 12:00:00-16:00', '2024-01-01 12:00:00+1559', '2024-01-01 12:00:00+05:60', '2024-01-01T12:00:00.123456789Z', '2024-01-01T12:00:00z',
    'infinity', '-infinity', '2024-01-01T12:00:00.Z', '10000-01-01', '20000-01-01T00:00:00Z',
    '2024-01-01T12:00:00.000000000000000000000000000000000000000000000000000000000001Z', '0044-02-29 BC', '0045-02-29 BC', '0004-02-29', '0001-02-29 BC',
  ] // biome-ignore format: a list of values
  agrees('timestamptz', columns.timestamptz(), fc.oneof(isoish, mutated(fc.constantFrom(...moments)).filter(isOurs)), moments)
  agrees('date', columns.date(), fc.oneof(isoish, mutated(fc.constantFrom(...moments)).filter(isOurs)), moments)
  const uuid = '550e8400-e29b-41d4-a716-446655440000'
  agrees('uuid', columns.uuid(), fc.oneof(fc.uuid(), mutated(fc.uuid()), mutated(fc.uuid().map(id => `{${id}}`))), [
    uuid, uuid.toUpperCase(), uuid.replaceAll('-', ''), `{${uuid}}`, `{${uuid}`, `${uuid}}`, ` ${uuid}`, '550e-8400-e29b-41d4-a716-4466-5544-0000', '5-50e8400e29b41d4a716446655440000', `${uuid}-`, '',
  ]) // biome-ignore format: a list of values
  const json = fc.oneof(fc.jsonValue(), fc.dictionary(anyText, anyText), fc.array(anyText))
  agrees(
    'jsonb',
    columns.jsonb(),
    json.filter(value => value !== null),
    ['\0', '\ud800', { 'a\0': 1 }, { '\udc00': 1 }, { a: ['\ud83d\ude00', '\\u0000'] }, nested(MAX_JSON_DEPTH)],
  )
  agrees('arrays', columns.array(columns.varchar(3).nullable()), fc.array(fc.option(anyText)), [
    [],
    [null],
    ['abcd'],
    ['abc', 'abc  '],
    ['null', 'NULL', ''],
  ])
})

async function check(session: DatabaseSession, type: ColumnDefinition['type'], values: readonly unknown[]): Promise<void> {
  const sent = JSON.stringify(values.map(value => `[{"x":${sentAs(type, value)}}]`))
  const { rows } = await session.query<{ taken: boolean }>(
    'select takes($1, value) as taken from json_array_elements_text($2) with ordinality as v(value, n) order by n',
    [type.sql, sent],
  )
  const server = values.map((value, i) => [value, rows[i]!.taken])
  const ours = values.map(value => [value, type.refuse(value) === undefined])
  expect(ours).toEqual(server)
}

/** What is refused cannot be encoded by its type: then the value itself. */
function sentAs(type: ColumnDefinition['type'], value: unknown): string {
  if (type.refuse(value) === undefined) return (type.json as (value: unknown) => string)(value)
  return typeof value === 'bigint' ? `${value}` : JSON.stringify(value)
}

function nested(depth: number): unknown {
  let value: unknown = 1
  for (let i = 0; i < depth; i++) value = [value]
  return value
}
