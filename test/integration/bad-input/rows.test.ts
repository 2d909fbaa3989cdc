import { randomBytes } from 'node:crypto'
import fc from 'fast-check'
import { expect, it } from 'vitest'
import { postgres, postgresQuarantine, table } from '../../../src/index.js'
import { describePostgres, withDatabase } from '../../harness/database.js'
import { entriesOf } from '../../harness/failures.js'
import { FileJob, look } from '../../harness/file-job.js'
import { filesIn } from '../../harness/files-run.js'
import { rowsOfLines } from '../../harness/rows-of-lines.js'

const edges = [
  '', ' ', '\n', '0', '-0', '1e400', 'NaN', 'Infinity', '-inf', '9'.repeat(200), '0x10', '1_000', '2024-02-30', '2023-02-29', '0000-01-01', '-0001-01-01', '10000-01-01', '+010000-01-01T00:00:00Z',
  '294276-12-31T23:59:59Z', '294277-01-01T00:00:00Z', '4714-11-24 BC', '4715-01-01 BC', '5874897-12-31', '5874898-01-01', '2024-01-01T24:00:00Z', '2024-01-01T23:59:60Z', '2024-01-01T25:00:00Z', 'infinity', 'epoch', 'now', 'today',
  '00000000-0000-0000-0000-000000000000', 'g0000000-0000-0000-0000-000000000000', 'null', 'true', '{}', '\\N', '\\.', '\\x', '\u00e9', 'e\u0301', '\ufeff', '\u202e', '{1,2}', "'", '"', '\t', 'a\0b', '\ud800',
] // biome-ignore format: a list of texts
const anything = fc.oneof(
  fc.constantFrom(...edges),
  fc.jsonValue({ maxDepth: 2 }),
  fc.string({ unit: 'binary' }),
  fc.double(),
  fc.maxSafeInteger(),
  fc.constantFrom(-0, 1e308, 5e-324, 2 ** 53, 2 ** 31, -(2 ** 31) - 1),
)

describePostgres('rows', () => {
  const given = withDatabase()
  const server = () => postgres({ connection: given.connection })

  it('of any values: each is delivered as it was checked, or fails alone by its check; the server is left nothing to refuse', async () => {
    const database = server()
    const typed = table(
      'typed',
      c => ({
        id: c.bigint(),
        text: c.text().nullable(),
        short: c.varchar(5).nullable(),
        whole: c.integer().nullable(),
        big: c.bigint().nullable(),
        exact: c.numeric().nullable(),
        near: c.double().nullable(),
        flag: c.boolean().nullable(),
        moment: c.timestamptz().nullable(),
        day: c.date().nullable(),
        unique_id: c.uuid().nullable(),
        body: c.jsonb().nullable(),
        texts: c.array(c.text()).nullable(),
        days: c.array(c.date()).nullable(),
      }),
      { create: true },
    )
    const columns = ['text', 'short', 'whole', 'big', 'exact', 'near', 'flag', 'moment', 'day', 'unique_id', 'body', 'texts', 'days']
    const seed = randomBytes(4).readInt32LE()
    // One odd value a row, so that none hides behind another.
    const rows = fc.sample(fc.tuple(fc.constantFrom(...columns), anything), { numRuns: 1_500, seed })
    const all = [...columns.flatMap(column => edges.map(edge => [column, edge] as const)), ...rows]
    const lines = all.map(([column, value], id) => {
      const odd = column === 'texts' || column === 'days' ? [value] : value
      return JSON.stringify({ id, [column]: odd })
    })
    const pipeline = await rowsOfLines(lines, { name: 'typed', database, table: typed })
    const { delivered, quarantined } = await pipeline.start().finished
    expect(delivered + quarantined, `seed ${seed}`).toBe(lines.length)
    expect(delivered).toBeGreaterThan(500)
    const entries = await entriesOf(postgresQuarantine(database), { pipeline: 'typed' })
    const ids = (await look(database, 'select id from typed')).map(([id]) => Number(id))
    const failed = entries.map(({ raw }) => Number(/"id":(\d+)/.exec(Buffer.from(raw).toString())![1]))
    expect([...ids, ...failed].sort((a, b) => a - b)).toEqual(lines.map((_, id) => id))
    const refused = entries.filter(({ error }) => error.sqlstate !== undefined)
    expect(
      refused.map(({ raw, error }) => `${Buffer.from(raw)} ${error.message}`),
      `seed ${seed}`,
    ).toEqual([])
  })

  it('with repeated and very long keys, and texts that only look alike', async () => {
    const large = 'k'.repeat(1_000_000)
    const same = ['\u00e9', 'e\u0301', '\ufb01', 'fi', ' ', '\u00a0', '\u200b', '']
    const root = await filesIn({
      in: [
        '{"id":1,"id":2,"note":"first","note":"last"}',
        `{"id":3,"${large}":1}`,
        `{"id":4,"note":"${large}"}`,
        '{"id":5,"__proto__":{"note":"polluted"},"constructor":{"prototype":{"polluted":1}}}',
        ...same.map((note, i) => JSON.stringify({ id: 10 + i, note })),
      ].join('\n'),
    })
    const job = new FileJob({ database: server(), root })
    expect((await job.run()).summary).toMatchObject({ delivered: 12, quarantined: 0 })
    expect(await job.rows('id::text, left(note, 10), length(note)')).toEqual([
      ['2', 'last', '4'],
      ['3', null, null],
      ['4', 'kkkkkkkkkk', '1000000'],
      ['5', null, null],
      ...same.map((note, i) => [`${10 + i}`, note, `${note.length}`]),
    ])
    expect(({} as Record<string, unknown>)['polluted']).toBe(undefined)
    const whole = new FileJob({
      database: server(),
      root,
      paths: 'in',
      toRow: ((value: unknown) => value) as never,
      tableName: `whole_${randomBytes(4).toString('hex')}`,
    })
    expect((await whole.run()).summary).toMatchObject({ delivered: 10, quarantined: 2, reasons: { MILL_COLUMN_UNKNOWN: 2 } })
    const messages = (await whole.entries()).map(({ error }) => error.message)
    expect(messages[0]!.length).toBeLessThan(5_000)
    expect(messages[1]).toMatch(/^column is not in table whole_\w+: (__proto__|constructor)/)
  })
})
