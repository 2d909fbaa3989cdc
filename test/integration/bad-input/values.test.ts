import { describe, expect, it } from 'vitest'
import { type Database, postgres } from '../../../src/index.js'
import { describePostgres, withDatabase } from '../../harness/database.js'
import { onEmbedded } from '../../harness/embedded.js'
import { FileJob, look } from '../../harness/file-job.js'
import { filesIn } from '../../harness/files-run.js'

/** Lines with their byte offsets: those of the good ones are their ids. */
function fileOf(lines: readonly (string | Uint8Array)[]): { readonly content: Buffer; readonly starts: readonly number[] } {
  const starts: number[] = []
  const parts: Buffer[] = []
  let at = 0
  for (const line of lines) {
    const bytes = Buffer.concat([Buffer.from(line), Buffer.from('\n')])
    starts.push(at)
    parts.push(bytes)
    at += bytes.length
  }
  return { content: Buffer.concat(parts), starts }
}

const good = (id: number) => `{"id":${id},"note":"n${id}"}`

interface BadLine {
  readonly name: string
  readonly line: string | Uint8Array
  readonly stage: string
  readonly code: string
  readonly says: string | RegExp
}

const bytes = (...parts: (string | number)[]) =>
  Buffer.concat(parts.map(part => (typeof part === 'number' ? Buffer.of(part) : Buffer.from(part))))
const decoding = (name: string, line: string | Uint8Array, says: string | RegExp): BadLine => ({
  name,
  line,
  stage: 'decode',
  code: 'MILL_VALUE_UNDECODABLE',
  says,
})
const unsafe = (number: string, says: string | RegExp): BadLine => ({
  name: `the number ${number.slice(0, 20)}`,
  line: `{"id":7,"other":[{"big":${number}}]}`,
  stage: 'decode',
  code: 'MILL_NUMBER_UNSAFE',
  says,
})
const invalid = (name: string, line: string, says: string | RegExp): BadLine => ({
  name,
  line,
  stage: 'validate',
  code: 'MILL_VALUE_INVALID',
  says,
})
const column = (name: string, line: string, says: string | RegExp): BadLine => ({
  name,
  line,
  stage: 'write',
  code: 'MILL_COLUMN_VALUE',
  says,
})

const deep = (levels: number) => `{"id":1,"note":${'['.repeat(levels)}${']'.repeat(levels)}}`

const badLines: readonly BadLine[] = [
  decoding('a byte that is no UTF-8', bytes('{"id":1,"note":"', 0xff, '"}'), 'not JSON: byte 16 is not UTF-8'),
  decoding('half a character', bytes('{"id":1,"note":"', 0xe2, 0x82, '"}'), 'not JSON: byte 16 is not UTF-8'),
  decoding('a surrogate written in UTF-8', bytes('{"id":1,"note":"', 0xed, 0xa0, 0x80, '"}'), 'not JSON: byte 16 is not UTF-8'),
  decoding('UTF-16', Buffer.from('{"id":1}', 'utf16le'), /^not JSON: .* at line 1, column 2$/),
  decoding('NUL bytes', bytes('{"id":1,"note":"', 0, '"}'), /^not JSON: .* at line 1, column 17$/),
  decoding('nothing but NUL bytes', Buffer.alloc(500), /^not JSON: /),
  decoding('no JSON', '{"id":1,', /^not JSON: .* at line 1, column 9$/),
  decoding('two values', '{"id":1} {"id":2}', /^not JSON: .* at line 1, column 10$/),
  decoding('single quotes', `{'id':1}`, /^not JSON: .* at line 1, column 2$/),
  decoding('NaN', '{"id":NaN}', /^not JSON: .* at line 1, column 7$/),
  decoding('a control character in a text', '{"id":1,"note":"a\u0001b"}', /^not JSON: .* at line 1, column 18$/),
  decoding('a line separator of C1', '{"id":1}\u0085', /^not JSON: .* at line 1, column 9$/),
  decoding('100,000 levels', deep(100_000), 'not JSON: arrays and objects are nested deeper than 1000 levels'),
  decoding('100,000 levels that are not closed', '['.repeat(100_000), 'not JSON: arrays and objects are nested deeper than 1000 levels'),
  decoding('100,000 levels of objects', '{"a":'.repeat(100_000), 'not JSON: arrays and objects are nested deeper than 1000 levels'),
  unsafe('9007199254740993', 'the number 9007199254740993 at /other/0/big cannot be held exactly by a double'),
  unsafe('-9007199254740993', /^the number -9007199254740993 at \/other\/0\/big /),
  unsafe('1e400', 'the number 1e400 at /other/0/big cannot be held exactly by a double'),
  unsafe('9'.repeat(5_000), /^the number 9{60}… \(5000 characters\) at \/other\/0\/big /),
  invalid('a text for a number', '{"id":"7"}', '/id must be integer'),
  invalid('a fraction', '{"id":1.5}', '/id must be integer'),
  invalid('nothing that is needed', '{}', '/id is required'),
  invalid('an array', '[]', 'value must be object'),
  invalid('null', 'null', 'value must be object'),
  invalid('a text', '"id"', 'value must be object'),
  invalid('several wrong places', '{"id":[],"note":7}', '/id must be integer; /note must be string,null'),
  invalid('-0 where the last of two keys is wrong', '{"id":-0,"id":"last"}', '/id must be integer'),
  column(
    'NUL in a text',
    '{"id":7,"note":"a\\u0000b"}',
    /^column note of table lines_\w+ takes a text without NUL characters, got "a\\u0000b"$/,
  ),
  column(
    'half a surrogate pair',
    '{"id":7,"note":"a\\ud800"}',
    /^column note of table lines_\w+ takes a text without lone surrogates, got "a\\ud800"$/,
  ),
  column('the other half', '{"id":7,"note":"\\udc00b"}', /takes a text without lone surrogates, got "\\udc00b"$/),
  column(
    'a number that a double holds only roughly',
    '{"id":1e16}',
    /^column id of table lines_\w+ takes a whole number up to 2\^53 - 1, or a bigint, got 10000000000000000$/,
  ),
]

async function expectEachFailsAlone(database: Database): Promise<void> {
  const lines = badLines.flatMap(({ line }, i) => [good(i * 2), line])
  const { content, starts } = fileOf([...lines, good(badLines.length * 2)])
  const root = await filesIn({ 'in.ndjson': content })
  const job = new FileJob({ database, root })
  await job.expectRuns(
    Array.from({ length: badLines.length + 1 }, (_, i) => i * 2),
    badLines.map(({ line, stage, code, says }, i) => ({ position: starts[i * 2 + 1]!, stage, code, says, raw: line })),
  )
  // What people see with psql.
  const shown = await look(database, `select count(*), count(distinct entry::text) from millrace_quarantine where pipeline = '${job.name}'`)
  expect(shown).toEqual([[`${badLines.length}`, `${badLines.length}`]])
}

describePostgres('a file on its way to a server', () => {
  const given = withDatabase()
  const server = () => postgres({ connection: given.connection })

  it('holds bad lines of every kind between good ones: each fails alone, with its bytes and what is wrong', () =>
    expectEachFailsAlone(server()))
})

describe('a file on its way to an embedded database', () => {
  it('holds bad lines of every kind between good ones: each fails alone, with its bytes and what is wrong', () =>
    onEmbedded(expectEachFailsAlone))
})
