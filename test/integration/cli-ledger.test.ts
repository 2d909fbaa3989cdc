import { appendFile } from 'node:fs/promises'
import { join } from 'node:path'
import { beforeEach, expect, test } from 'vitest'
import { commandHere } from '../harness/command-here.js'
import { asClient, describePostgres, query, withDatabase } from '../harness/database.js'
import { projects } from '../harness/project.js'

const project = projects()

const config = `
pipelines:
  signups:
    use: files-to-postgres
    paths: '*.ndjson'
    format: ndjson
    schema: { type: object, properties: { id: { type: integer }, email: { type: string } }, required: [id, email] }
    table: { name: signups, create: true, columns: { id: { type: integer, key: true }, email: text } }
    database: { connection: '\${DATABASE}' }
    write: { mode: upsert }
`

const rows = (from: number) =>
  [from, from + 1, '"x"'].map(id => `{"id":${id},"email":"${id === '"x"' ? from : id}@example.org"}\n`).join('')

describePostgres('the command on Postgres', () => {
  const given = withDatabase()
  let cwd: string
  const millrace = (...args: string[]) => commandHere(args, { cwd, env: { DATABASE: given.connection } })
  const run = async () =>
    JSON.parse((await millrace('run', '--drain', '--json')).out) as { readonly delivered: number; readonly quarantined: number }

  beforeEach(async () => {
    await query(given.connection, 'drop table if exists signups, millrace_ledger, millrace_seen, millrace_quarantine')
    cwd = await project({ 'millrace.config.yaml': config, 'a.ndjson': rows(1), 'b.ndjson': rows(11) })
  })

  test('ledger show says what is covered, ledger reset forgets it: then the records come again', async () => {
    expect((await millrace('ledger', 'show')).out).toContain('nothing is covered')
    expect(await run()).toMatchObject({ delivered: 4, quarantined: 2 })
    const shown = await millrace('ledger', 'show')
    expect(shown.out).toMatch(
      /^pipeline signups\n {2}SOURCE +PARTITION +COVERED +POSITIONS +EPOCH +OWNER\n {2}files +a\.ndjson +\d+ +0…\d+ +1( +at work)?\n {2}files +b\.ndjson/,
    )
    const json = JSON.parse((await millrace('ledger', 'show', 'signups', '--partition', 'b.ndjson', '--json')).out)
    expect(json).toMatchObject({
      pipelines: [{ pipeline: 'signups', partitions: [{ source: 'files', partition: 'b.ndjson', epoch: '1' }] }],
    })
    expect(await millrace('ledger', 'reset', 'signups')).toMatchObject({ status: 2, err: expect.stringContaining('say --yes') })
    expect(await run()).toMatchObject({ delivered: 0 })
    const reset = await millrace('ledger', 'reset', 'signups', '--partition', 'b.ndjson', '--yes')
    expect(reset).toMatchObject({ status: 0, out: 'forgot one partition of signups\n' })
    expect(reset.err).toMatch(/files b\.ndjson: [\d,]+ positions are covered; what their source still has of them is read again/)
    expect(await run()).toMatchObject({ delivered: 2, quarantined: 1 })
    expect((await millrace('ledger', 'reset', 'signups', '--source', 'other', '--yes')).err).toContain('covers nothing that fits')
  })

  test('ledger reset refuses while an owner is at work, and --force fences it', async () => {
    await run()
    const [{ owner }] = (await query(given.connection, `select owner from millrace_ledger limit 1`)) as unknown as [{ owner: string }]
    await asClient(given.connection, async client => {
      await client.query(`set application_name = 'millrace/${owner}'`)
      expect((await millrace('ledger', 'show')).out).toMatch(/at work/)
      const refused = await millrace('ledger', 'reset', 'signups', '--yes')
      expect(refused).toMatchObject({ status: 75, out: '', err: expect.stringMatching(/an owner is at work on files a\.ndjson.*--force/) })
      expect((await millrace('ledger', 'reset', 'signups', '--yes', '--force')).out).toBe('forgot 2 partitions of signups\n')
    })
    expect(await query(given.connection, 'select from millrace_ledger')).toEqual([])
  })

  test('quarantine show, edit and replay write the row in the transaction of the ledger, and nothing twice', async () => {
    expect(await run()).toMatchObject({ delivered: 4, quarantined: 2 })
    const listed = (await millrace('quarantine', 'list', '--json')).out.trimEnd().split('\n')
    const [first, second] = listed.map(line => JSON.parse(line) as { readonly id: string; readonly origin: { readonly partition: string } })
    expect((await millrace('quarantine', 'show', first!.id)).out).toContain('"id": "x",    ← must be integer')
    const exported = (await millrace('quarantine', 'export')).out
    const edited = await commandHere(['quarantine', 'replay', first!.id, '--edit'], {
      cwd,
      env: { DATABASE: given.connection, VISUAL: `sed -i 's/"x"/3/'` },
    })
    expect(edited).toMatchObject({ status: 0, out: 'signups: one entry replayed: 1 delivered, 0 skipped, 0 came back\n' })
    expect(await query(given.connection, 'select id, email from signups order by id limit 3')).toEqual([
      { id: 1, email: '1@example.org' },
      { id: 2, email: '2@example.org' },
      { id: 3, email: '1@example.org' },
    ])
    const again = await millrace('quarantine', 'replay')
    expect(again.out).toMatch(/^signups: one entry replayed: 0 delivered, 0 skipped, 1 came back\n {2}\d+ {2}files b\.ndjson@/)
    const left = JSON.parse((await millrace('quarantine', 'list', '--json')).out) as { readonly id: string }
    expect(left.id).not.toBe(second!.id)
    // What an import brings back is what was there.
    await millrace('quarantine', 'drop', '--pipeline', 'signups', '--yes')
    expect((await commandHere(['quarantine', 'import'], { cwd, env: { DATABASE: given.connection }, input: exported })).out).toBe(
      'imported 2 entries\n',
    )
    expect((await millrace('quarantine', 'export')).out).toBe(exported)
  })

  test('doctor finds nothing wrong before and after, and explain says what the ledger promises', async () => {
    expect(await millrace('doctor')).toMatchObject({ status: 0, out: expect.stringMatching(/\nno fault found\n$/) })
    await run()
    await appendFile(join(cwd, 'a.ndjson'), rows(21))
    expect(await millrace('doctor')).toMatchObject({ status: 0, out: expect.stringMatching(/\nno fault found\n$/) })
    expect((await millrace('explain', 'signups')).out).toContain('guarantees  each record exactly once in table signups\n')
  })
})
