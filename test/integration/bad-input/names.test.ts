import { expect, it } from 'vitest'
import { identifier } from '../../../src/drivers/postgres/literals.js'
import {
  decode,
  definePipeline,
  memorySource,
  type Pipeline,
  postgres,
  postgresQuarantine,
  postgresSink,
  replay,
  table,
  transform,
} from '../../../src/index.js'
import { describePostgres, withDatabase } from '../../harness/database.js'
import { entriesOf } from '../../harness/failures.js'
import { FileJob, look } from '../../harness/file-job.js'
import { filesIn } from '../../harness/files-run.js'
import { rowsOfLines } from '../../harness/rows-of-lines.js'

const odd = [`it's`, '"quoted"', `'); drop table millrace_ledger; --`, 'back\\slash', `E'\\x'`, 'UPPER Case', 'select', 'user', '$rows', '$1', ' ', '日本 😀', 'line\nend', '$$', '%', '?'] // biome-ignore format: a list

describePostgres('names', () => {
  const given = withDatabase()
  const server = () => postgres({ connection: given.connection })

  it.each([...odd, 'nul\0', 'half \ud800', 'half \ud801', '\\"json', 'x'.repeat(300)])('of a pipeline may be anything: %j', async name => {
    const root = await filesIn({ in: '{"id":1}\n{"id":"bad"}\n{"id":2}\n' })
    const job = new FileJob({ database: server(), root, name })
    expect((await job.run()).summary).toMatchObject({ delivered: 2, quarantined: 1 })
    expect((await job.run()).summary).toMatchObject({ delivered: 0, quarantined: 0 })
    expect((await job.replay()).summary).toMatchObject({ delivered: 0, quarantined: 1 })
    expect(await job.ids()).toEqual([1, 2])
  })

  it.each([...odd, 'millrace ordinal', 'x as y', '*', ' lead', 'a.b', 'a.b as c'])('of a table may be anything: %j', async tableName => {
    const database = server()
    const lines = table(tableName, c => ({ id: c.bigint() }), { key: ['id'], create: true })
    const into = { name: `into ${tableName}`, database, table: lines, write: { mode: 'upsert' } }
    const pipeline = await rowsOfLines(['{"id":1}', '{"id":-1}', '{"id":2}'], into)
    expect(await pipeline.start().finished).toMatchObject({ delivered: 3, quarantined: 0 })
    const sqlName = tableName.split('.').map(identifier).join('.')
    expect(await look(database, `select id from ${sqlName} order by id`)).toEqual([['-1'], ['1'], ['2']])
  })

  it('of columns may be anything, in every mode', async () => {
    const names = [
      ...odd,
      'millrace ordinal',
      'rows',
      'id',
      'ordinal',
      's',
      't',
      'f',
      'excluded',
      'ctid ',
      'a.b',
      'x as y',
      '*',
      ' lead',
      '(column 1)',
      '(table)',
      '(the default of 3)',
      'Ü',
      'ü',
      'x'.repeat(63),
    ]
    const database = server()
    for (const mode of ['append', 'upsert', 'update', 'ignore'] as const) {
      const wide = table(`odd ${mode}`, c => Object.fromEntries(names.map(name => [name, c.text()])), {
        key: [odd[2]!, 'millrace ordinal'],
        create: true,
      })
      const row = Object.fromEntries(names.map(name => [name, name]))
      const lines = [row, { ...row, id: 7 }, { ...row, select: 'b' }].map(one => JSON.stringify(one))
      const write = mode === 'ignore' ? { mode: 'append', ledger: true, onDuplicate: 'ignore' } : { mode, ledger: true }
      const pipeline = await rowsOfLines(lines, { name: `odd ${mode}`, database, table: wide, write })
      const { summary, error } = await pipeline.start().finished.then(
        summary => ({ summary, error: undefined }),
        error => ({ error, summary: undefined }),
      )
      expect(error, mode).toBe(undefined)
      const bad = mode === 'append' ? 2 : 1
      expect(summary, mode).toMatchObject({ delivered: 3 - bad, quarantined: bad })
      const stored = await look(database, `select ${names.map(identifier).join(', ')} from ${identifier(`odd ${mode}`)}`)
      const wanted = names.map(name => (name === 'select' && mode === 'upsert' ? 'b' : name))
      expect(stored, mode).toEqual(mode === 'update' ? [] : [wanted])
    }
  })

  it.each(['__proto__', 'constructor', 'toString', 'nul\0', '', 'half \ud800', 'x'.repeat(64)])(
    'of a column that cannot be is refused at definition: %j',
    name => {
      expect(() => table('t', c => ({ id: c.bigint(), [name]: c.text() }))).toThrow(/expected column to be a name of 1 to 63 bytes/)
    },
  )

  it('of keys, headers and partitions may be anything, and come back as they were', async () => {
    const bytes = Uint8Array.of(0, 0xff, 0xfe, 0x5c, 0x27)
    const odds = ['nul\0', 'half \ud800', ...odd, '']
    const database = server()
    const source = () =>
      memorySource(
        odds.flatMap(name => [Buffer.from(`{"name":${JSON.stringify(name)}}`), Buffer.from('bad')]),
        {
          partition: (_, index) => odds[index >> 1]!,
          key: (_, index) => (index % 4 === 1 ? bytes : odds[index >> 1]!),
          headers: (_, index) => [
            [odds[index >> 1]!, bytes],
            ['__proto__', odds[index >> 1]!],
            ['', ''],
          ],
        },
      )
    const rows = table('of_odds', c => ({ n: c.bigint() }), { create: true })
    const pipelineOf = (): Pipeline =>
      definePipeline({
        name: 'odds',
        source: source(),
        steps: records =>
          records.pipe(
            decode('json'),
            transform((_, { origin }) => ({ n: origin.position as number })),
          ),
        sink: postgresSink(database, rows, { mode: 'append', ledger: true }),
        onFailure: postgresQuarantine(database),
      })
    const pipeline = pipelineOf()
    expect(await pipeline.start().finished).toMatchObject({ delivered: odds.length, quarantined: odds.length })
    const entries = (await entriesOf(postgresQuarantine(database), { pipeline: 'odds' })).sort(
      (a, b) => Number(a.origin.position) - Number(b.origin.position),
    )
    for (const [i, { origin, key, headers }] of entries.entries()) {
      expect(origin.partition).toBe(odds[i])
      expect(Buffer.from(key!)).toEqual(Buffer.from(i % 2 === 0 ? bytes : Buffer.from(odds[i]!)))
      expect(headers.map(([name]) => name)).toEqual([odds[i], '__proto__', ''])
      expect(Buffer.from(headers[0]![1])).toEqual(Buffer.from(bytes))
    }
    // The ledger knows them again: another run of the same records delivers none.
    const again = pipelineOf()
    expect(await again.start().finished).toMatchObject({ delivered: 0, quarantined: 0 })
    expect(await replay(again, { from: postgresQuarantine(database) }).finished).toMatchObject({ delivered: 0, quarantined: odds.length })
    expect(await look(database, 'select count(*), count(distinct n) from of_odds')).toEqual([[`${odds.length}`, `${odds.length}`]])
  })
})
