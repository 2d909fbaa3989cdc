import fc from 'fast-check'
import { expect, it } from 'vitest'
import { postgres } from '../../../src/index.js'
import { describePostgres, withDatabase } from '../../harness/database.js'
import { FileJob, type Line } from '../../harness/file-job.js'
import { filesIn } from '../../harness/files-run.js'

const cells = { type: 'object', properties: { id: { type: 'string', pattern: '^[0-9]+$' } }, required: ['id'] }
const toRow = ({ id, note = '' }: { readonly id: string; readonly note?: string }): Line => ({ id: Number(id), note })

describePostgres('a CSV file', () => {
  const given = withDatabase()
  const job = (root: string, more: object = {}) =>
    new FileJob({
      database: postgres({ connection: given.connection }),
      root,
      format: 'csv',
      schema: cells,
      toRow: toRow as never,
      ...more,
    })

  it('holds rows with the wrong number of cells, wrong quotes, wrong bytes: each fails alone, with header and row', async () => {
    const head = 'id,note'
    const bad = [
      ['2', '1 cells, but the header has 2', 'decode'],
      ['3,a,b', '3 cells, but the header has 2', 'decode'],
      ['4,"a"b', 'text follows a closing quote', 'decode'],
      ['5,"never closed', 'a quote is not closed', undefined],
      [',', '/id must match pattern "^[0-9]+$"', 'validate'],
      ['x,wrong', '/id must match pattern "^[0-9]+$"', 'validate'],
      [`${'9'.repeat(20)},large`, 'column id of table', 'write'],
      ['8,a\0b', 'a text without NUL characters', 'write'],
    ] as const
    let content = `\ufeff${head}\r\n`
    const positions: number[] = []
    for (const [i, [row]] of bad.entries()) {
      content += `${i * 10},good "${i}"\n`
      positions.push(Buffer.byteLength(content))
      content += `${row}\n`
    }
    content += `990,"good, too\r\nwith ""lines"""\r\n\r\n\n991,\n992,last`
    const root = await filesIn({ 'in.csv': content })
    const csv = job(root)
    const codeOf = { decode: 'MILL_CSV_INVALID', validate: 'MILL_VALUE_INVALID', write: 'MILL_COLUMN_VALUE' }
    const says = (text: string) => new RegExp(text.replace(/[.*+?^${}()|[\]\\]/g, '\\$&'))
    await csv.expectRuns(
      [...bad.map((_, i) => i * 10), 990, 991, 992],
      bad.map(([row, text, stage], i) => ({
        position: positions[i]!,
        ...(stage && { stage }),
        code: codeOf[stage ?? 'decode'],
        says: says(text),
        raw: `${head}\n${row}`,
      })),
    )
    expect((await csv.rows()).slice(-3)).toEqual([
      ['990', 'good, too\r\nwith "lines"'],
      ['991', ''],
      ['992', 'last'],
    ])
  })

  it.each([
    ['__proto__', '__proto__,id,constructor,toString\nx,1,y,z\n', 'y'],
    ['quotes and blanks', '"id"," note ""x"""\n1,a\n', undefined],
    ['NUL', 'id,no\0te\n1,a\n', undefined],
    ['a name of 100 KB', `id,${'n'.repeat(100_000)}\n1,a\n`, undefined],
  ])('has a header with %s: it is a column as any other, and nothing is polluted', async (_, content, own) => {
    const root = await filesIn({ in: content })
    const seen: Record<string, unknown>[] = []
    const csv = job(root, {
      toRow: (value: Record<string, string>) => {
        seen.push(value)
        return toRow(value as never)
      },
    })
    await csv.expectRuns([1], [])
    expect(({} as Record<string, unknown>)['x']).toBe(undefined)
    expect(Object.getPrototypeOf(seen[0])).toBe(Object.prototype)
    if (own !== undefined) {
      expect(Object.keys(seen[0]!)).toEqual(['__proto__', 'id', 'constructor', 'toString'])
      expect(seen[0]!['constructor']).toBe(own)
    }
  })

  it.each([
    ['no name', 'id,,note\n1,2,3\n', /^not a CSV row: column 2 has no name: /],
    ['one name twice', 'id,id\n1,2\n', /^not a CSV row: two columns have the name "id": /],
    ['bytes that are no UTF-8', Buffer.concat([Buffer.from('id,'), Buffer.of(0xff), Buffer.from('\n1,2\n')]), /byte 3 is not UTF-8/],
  ])('has a header with %s: each of its rows says so', async (_, content, says) => {
    const root = await filesIn({ in: content })
    const csv = job(root)
    expect((await csv.run()).summary).toMatchObject({ delivered: 0, quarantined: 1 })
    expect((await csv.entries())[0]!.error.message).toMatch(says)
  })

  it('has 1,000 columns, or nothing but a header', async () => {
    const names = Array.from({ length: 1_000 }, (_, i) => (i === 500 ? 'id' : `c${i}`))
    const rows = Array.from({ length: 200 }, (_, id) =>
      names.map((_, i) => (i === 500 ? id : id % 50 === 7 && i === 999 ? '1,2' : 'x')).join(','),
    )
    const root = await filesIn({ in: `${names.join(',')}\n${rows.join('\n')}\n`, none: names.join(','), line: `${names.join(',')}\n` })
    const csv = job(root)
    expect((await csv.run()).summary).toMatchObject({ delivered: 196, quarantined: 4 })
    expect((await csv.run()).summary).toMatchObject({ delivered: 0, quarantined: 0 })
    expect(await csv.ids()).toEqual(Array.from({ length: 200 }, (_, id) => id).filter(id => id % 50 !== 7))
  })

  it('holds anything at all: every row is delivered or quarantined, and none is lost with its neighbours', async () => {
    const cell = fc.string({
      unit: fc.constantFrom('a', '"', ',', '\r', ' ', 'é', '\0', '\ufeff', '\u2028', '😀', '\\', "'"),
      maxLength: 8,
    })
    await fc.assert(
      fc.asyncProperty(fc.array(cell, { minLength: 1, maxLength: 12 }), async middles => {
        const content = `id,note\n${middles.map((text, i) => `${i},good\n${text}`).join('\n')}\n999,last`
        const root = await filesIn({ in: content })
        const csv = job(root)
        const { summary, error } = await csv.run()
        expect(error).toBe(undefined)
        const ids = await csv.ids()
        // A quote that a later row closes joins lines into one legal row; where no quote is, every good row must come.
        if (!middles.some(text => text.includes('"'))) {
          for (let i = 0; i < middles.length; i++) expect(ids.filter(id => id === i).length).toBeGreaterThanOrEqual(1)
        }
        expect(ids).toContain(999)
        expect(summary!.delivered).toBe(ids.length)
        expect(await csv.entries()).toHaveLength(summary!.quarantined)
        expect((await csv.run()).summary).toMatchObject({ delivered: 0, quarantined: 0 })
      }),
      { numRuns: 25 },
    )
  })
})
