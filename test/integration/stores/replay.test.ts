import { expect, test } from 'vitest'
import {
  decode,
  definePipeline,
  memorySource,
  postgres,
  postgresQuarantine,
  postgresSink,
  replay,
  table,
  transform,
} from '../../../src/index.js'
import { insertFailures } from '../../../src/stores/failure-sql.js'
import { describePostgres, query, withDatabase } from '../../harness/database.js'
import { entriesOf, failureAt, putFailures } from '../../harness/failures.js'

describePostgres('quarantine in the database of the sink', () => {
  const given = withDatabase()

  test.each([true, false])('a record that fails again and again is one entry, then one row, ledger: %s', async ledger => {
    const name = `rows_${ledger}`
    const database = postgres({ connection: given.connection })
    const quarantine = postgresQuarantine(database)
    let bad = /[bcd]/
    const rows = table(name, c => ({ id: c.text() }), { create: true })
    const pipeline = definePipeline({
      name,
      source: memorySource(['a', 'b', 'c', 'd', 'e'].map(text => Buffer.from(text))),
      steps: records =>
        records.pipe(
          decode('text'),
          transform(id => {
            if (id !== null && bad.test(id)) throw new RangeError(`${id} is bad`)
            return { id: id ?? '' }
          }),
        ),
      sink: postgresSink(database, rows, { mode: 'append', ledger }),
      onFailure: quarantine,
    })
    await pipeline.start().finished
    expect((await entriesOf(quarantine, { pipeline: name })).map(({ raw }) => Buffer.from(raw).toString())).toEqual(['b', 'c', 'd'])
    bad = /[cd]/
    for (let i = 0; i < 3; i++) {
      expect(await replay(pipeline, { from: quarantine }).finished).toMatchObject({ delivered: i === 0 ? 1 : 0, quarantined: 2 })
      expect((await entriesOf(quarantine, { pipeline: name })).map(({ raw }) => Buffer.from(raw).toString())).toEqual(['c', 'd'])
    }
    bad = /^$/
    expect(await replay(pipeline, { from: quarantine }).finished).toMatchObject({ delivered: 2, quarantined: 0 })
    expect(await entriesOf(quarantine, { pipeline: name })).toEqual([])
    expect(await query(given.connection, `select id from ${name} order by id`)).toEqual(['a', 'b', 'c', 'd', 'e'].map(id => ({ id })))
  })

  test('shows in columns what is mostly asked for', async () => {
    const quarantine = postgresQuarantine(postgres({ connection: given.connection }))
    const cause = Object.assign(new Error('inner'), { details: { sqlstate: '23505', constraint: 'c' } })
    const error = Object.assign(new Error("it's \\ bad\0"), { code: 'E_BAD', cause })
    await putFailures(quarantine, [failureAt(7, 'raw', { error, stage: 'write', key: Buffer.from('key') })], 'columns')
    const [row] = await query(given.connection, `select * from millrace_quarantine where pipeline = 'columns'`)
    expect(row).toMatchObject({
      source: 'source',
      partition: '0',
      position: '7',
      part: '',
      stage: 'write',
      code: 'E_BAD',
      sqlstate: '23505',
      message: "it's \\ bad\ufffd",
      raw: Buffer.from('raw'),
      raw_bytes: '3',
      raw_sha256: null,
      key: Buffer.from('key'),
      recorded: new Date(1_600_000_000_000),
    })
    expect((await entriesOf(quarantine, { pipeline: 'columns' }))[0]!.error.message).toBe("it's \\ bad\0")
  })

  test('its statement is one, and safe also where backslashes mean something', async () => {
    const odd = `'; drop table millrace_quarantine; -- \\'; \\\\' $$ E'`
    const quarantine = postgresQuarantine(postgres({ connection: given.connection }))
    await putFailures(quarantine, [], 'odd')
    const failure = failureAt(odd, odd, {
      stage: odd,
      origin: { source: odd, partition: odd, position: odd, part: odd },
      error: new Error(odd),
    })
    const sql = insertFailures([failure], odd)
    await query(given.connection, `set standard_conforming_strings = off; ${sql}`)
    await query(given.connection, sql)
    const entries = await entriesOf(quarantine, { pipeline: odd, stage: odd })
    expect(entries).toHaveLength(1)
    expect(entries[0]).toMatchObject({ origin: failure.origin, stage: odd, pipeline: odd, error: { message: odd } })
  })

  test('several processes may make the table at once', async () => {
    await query(given.connection, 'drop table if exists millrace_quarantine')
    const open = () => putFailures(postgresQuarantine(postgres({ connection: given.connection })), [failureAt(1)], 'at once')
    await Promise.all([open(), open(), open()])
    expect(await entriesOf(postgresQuarantine(postgres({ connection: given.connection })))).toHaveLength(1)
  })

  test('says which store was refused, and what', async () => {
    await query(given.connection, 'drop table if exists millrace_quarantine; create table millrace_quarantine (other int)')
    const quarantine = postgresQuarantine(postgres({ connection: given.connection }))
    await expect(putFailures(quarantine, [failureAt(1)])).rejects.toMatchObject({
      code: 'MILL_STORE_FAILED',
      retryable: false,
      message: expect.stringMatching(/^quarantine in .* failed in put: .*identity/),
    })
    await query(given.connection, 'drop table millrace_quarantine')
  })

  test('waits for a server that is away: its error is retryable', async () => {
    const away = postgresQuarantine(postgres({ connection: 'postgres://localhost:1/none' }))
    await expect(putFailures(away, [failureAt(1)])).rejects.toMatchObject({ code: 'MILL_DATABASE_AWAY', retryable: true })
    await expect(entriesOf(away)).rejects.toMatchObject({ code: 'MILL_DATABASE_AWAY', retryable: true })
  })

  test('lists large entries page by page', async () => {
    const quarantine = postgresQuarantine(postgres({ connection: given.connection }))
    const failures = Array.from({ length: 20 }, (_, i) => failureAt(i, Buffer.alloc(1024 * 1024, i)))
    await putFailures(quarantine, failures, 'large')
    let at = 0
    for await (const entry of quarantine.list({ pipeline: 'large' })) {
      expect(entry.origin.position).toBe(at)
      expect(Buffer.compare(Buffer.from(entry.raw), Buffer.from(failures[at]!.raw))).toBe(0)
      at++
    }
    expect(at).toBe(20)
  })
})
