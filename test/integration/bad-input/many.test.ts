import { expect, it } from 'vitest'
import { type BatchQuarantine, failureStatement } from '../../../src/drivers/postgres/batch-quarantine.js'
import {
  decode,
  definePipeline,
  type Failure,
  filesSource,
  type Pipeline,
  postgres,
  postgresQuarantine,
  postgresSink,
  replay,
  split,
  table,
  transform,
} from '../../../src/index.js'
import { describePostgres, withDatabase } from '../../harness/database.js'
import { entriesOf } from '../../harness/failures.js'
import { FileJob, type Line, look } from '../../harness/file-job.js'
import { filesIn } from '../../harness/files-run.js'

const KiB = 1024

describePostgres('many failures', () => {
  const given = withDatabase()
  const server = () => postgres({ connection: given.connection })

  it('of the children of one large record share its bytes: in memory, and in the statement that keeps them', async () => {
    const children = 300
    const filler = 'x'.repeat(100 * KiB)
    const items = Array.from({ length: children }, (_, n) => n)
    const line = JSON.stringify({ items, filler })
    const root = await filesIn({ in: `${line}\n${JSON.stringify({ items: [1_000] })}\n` })
    const lines = table('of_split', c => ({ id: c.bigint() }), { create: true })
    const kept: Failure[] = []
    const lengths: number[] = []
    const database = server()
    const quarantine = postgresQuarantine(database) as BatchQuarantine
    const looked: BatchQuarantine = {
      ...quarantine,
      [failureStatement](failures, pipeline) {
        kept.push(...failures)
        const sql = quarantine[failureStatement](failures, pipeline)
        lengths.push(sql.length)
        return sql
      },
    }
    const pipeline: Pipeline = definePipeline({
      name: 'split',
      source: filesSource({ root, paths: '*', format: 'ndjson' }),
      steps: records =>
        records.pipe(
          decode('json'),
          split(value => (value as { items: number[] }).items),
          transform(id => {
            if (id % 3 === 0) throw new Error(`not ${id}`)
            return { id }
          }),
        ),
      sink: postgresSink(database, lines, { mode: 'append', ledger: true }),
      onFailure: looked,
    })
    expect(await pipeline.start().finished).toMatchObject({ delivered: 201, quarantined: 100 })
    expect(lengths.every(length => length < line.length * 2 + children * 3 * KiB)).toBe(true)
    expect(new Set(kept.map(({ raw }) => raw)).size).toBe(1)
    const entries = await entriesOf(quarantine, { pipeline: 'split' })
    expect(entries.map(({ origin }) => Number(origin.part)).sort((a, b) => a - b)).toEqual(items.filter(n => n % 3 === 0))
    expect(entries.every(({ raw }) => Buffer.from(raw).equals(Buffer.from(line)))).toBe(true)
    expect(await replay(pipeline, { from: quarantine }).finished).toMatchObject({ delivered: 0, quarantined: 100 })
    expect(await look(server(), 'select count(*), count(distinct id) from of_split')).toEqual([['201', '201']])
  })

  it('in a row, of every stage, are quarantined at a bounded price, and the last record comes', async () => {
    const count = 3_000
    const bad = ['{', '{"id":"x"}', '{"id":-1}', '{"id":1e16}', '{"id":-2}', '{"id":1,"note":"\\u0000"}']
    const root = await filesIn({ in: `${Array.from({ length: count }, (_, n) => bad[n % bad.length]).join('\n')}\n{"id":7}` })
    const toRow = ({ id, ...rest }: Line) => {
      if (id === -1) throw new Error('minus one')
      if (id === -2) return { id: 8, unknown: 1 }
      return { id, ...rest }
    }
    const job = new FileJob({ database: server(), root, toRow: toRow as never })
    expect((await job.run()).summary).toMatchObject({ delivered: 1, quarantined: count })
    expect(await job.ids()).toEqual([7])
    const reasons = {
      MILL_VALUE_UNDECODABLE: count / 6,
      MILL_VALUE_INVALID: count / 6,
      MILL_COLUMN_VALUE: count / 3,
      MILL_COLUMN_UNKNOWN: count / 6,
    }
    const replayed = await job.replay()
    expect(replayed.summary).toMatchObject({ delivered: 0, quarantined: count, reasons: { ...reasons, Error: count / 6 } })
    const shown = `select count(*), count(distinct position) from millrace_quarantine where pipeline = '${job.name}'`
    expect(await look(server(), shown)).toEqual([[`${count}`, `${count}`]])
  })

  it('that only the server refuses, in a row, are found at a bounded price', async () => {
    const count = 1_000
    const root = await filesIn({ in: Array.from({ length: count }, (_, id) => `{"id":${id}}`).join('\n') })
    const job = new FileJob({ database: server(), root, tableName: 'checked' })
    await look(server(), 'create table checked (id bigint not null check (id % 10 = 0), note text)')
    expect((await job.run()).summary).toMatchObject({ delivered: count / 10, quarantined: count - count / 10 })
    expect(await job.ids()).toEqual(Array.from({ length: count / 10 }, (_, i) => i * 10))
    expect(new Set((await job.entries()).map(({ error }) => `${error.sqlstate} ${error.constraint}`))).toEqual(
      new Set(['23514 checked_id_check']),
    )
  })

  it('lie in many small files, some empty: each is read, and a second run reads none again', async () => {
    const count = 300
    const files = Object.fromEntries(
      Array.from({ length: count }, (_, n) => [`${`${n}`.padStart(6, '0')}.ndjson`, n % 5 === 0 ? '' : `{"id":${n}}\n{"id":"bad"}\n`]),
    )
    const root = await filesIn(files)
    const job = new FileJob({ database: server(), root })
    const wanted = Array.from({ length: count }, (_, n) => n).filter(n => n % 5 !== 0)
    expect((await job.run()).summary).toMatchObject({ delivered: wanted.length, quarantined: wanted.length })
    expect(await job.ids()).toEqual(wanted)
    expect((await job.run()).summary).toMatchObject({ delivered: 0, quarantined: 0 })
  })
})
