import { randomBytes } from 'node:crypto'
import { expect, it } from 'vitest'
import { postgres, postgresQuarantine, table } from '../../../src/index.js'
import { describePostgres, query, withDatabase } from '../../harness/database.js'
import { entriesOf } from '../../harness/failures.js'
import { look } from '../../harness/file-job.js'
import { rowsOfLines } from '../../harness/rows-of-lines.js'

describePostgres('a row that only the server refuses', () => {
  const given = withDatabase()
  const server = () => postgres({ connection: given.connection })

  it('has a key that is larger than an index takes: it fails alone', async () => {
    const database = server()
    const names = table('names', c => ({ name: c.text() }), { key: ['name'], create: true })
    const large = randomBytes(6_000).toString('base64')
    const lines = ['a', large, 'b'].map(name => JSON.stringify(name))
    const pipeline = await rowsOfLines(lines, { name: 'large keys', database, table: names, toRow: (name: string) => ({ name }) })
    expect(await pipeline.start().finished).toMatchObject({ delivered: 2, quarantined: 1, reasons: { MILL_DATABASE_REFUSED: 1 } })
    expect(await look(server(), 'select name from names order by name')).toEqual([['a'], ['b']])
    const [entry] = await entriesOf(postgresQuarantine(server()), { pipeline: 'large keys' })
    expect(entry).toMatchObject({ stage: 'write', error: { sqlstate: '54000' } })
  })

  it('has 1,000 columns, and more in them than a page takes: it fails alone, and the others come', async () => {
    const database = server()
    const columnNames = Array.from({ length: 1_000 }, (_, i) => `column ${i}`)
    const wide = table('wide', c => Object.fromEntries(columnNames.map(name => [name, c.text()])), { create: true })
    const row = (text: () => string) => JSON.stringify(Object.fromEntries(columnNames.map(name => [name, text()])))
    const rows = [row(() => 'a'), row(() => randomBytes(60).toString('hex')), row(() => ''), row(() => '2')]
    const pipeline = await rowsOfLines(rows, { name: 'wide', database, table: wide })
    expect(await pipeline.start().finished).toMatchObject({ delivered: 3, quarantined: 1 })
    expect(await query(given.connection, `select count(*) from wide`)).toEqual([{ count: '3' }])
    const [entry] = await entriesOf(postgresQuarantine(server()), { pipeline: 'wide' })
    expect(entry).toMatchObject({ stage: 'write', error: { sqlstate: '54000' } })
  })
})
