import { expect, test } from 'vitest'
import { openDatabase } from '../../src/drivers/postgres/database.js'
import { databaseOf } from '../../src/pipelines/database-option.js'
import { commandHere } from '../harness/command-here.js'
import { runMillrace } from '../harness/millrace-command.js'
import { projects } from '../harness/project.js'

const project = projects()

const config = `
pipelines:
  signups:
    use: files-to-postgres
    paths: '*.ndjson'
    format: ndjson
    schema: { type: object, properties: { id: { type: integer } }, required: [id] }
    table: { name: signups, create: true, columns: { id: { type: integer, key: true } } }
    database: { embedded: db }
    write: { mode: upsert }
`

test('the commands work on an embedded database, and say who has it', async () => {
  const cwd = await project({ 'millrace.config.yaml': config, 'a.ndjson': '{"id":1}\n{"id":"two"}\n{"id":3}\n' })
  const millrace = (...args: string[]) => commandHere(args, { cwd })
  // Held: to open it anew for each command takes a second, on a busy machine many.
  const hold = await openDatabase(databaseOf({ embedded: 'db' }, cwd))
  try {
    expect(JSON.parse((await millrace('run', '--drain', '--json')).out)).toMatchObject({ delivered: 2, quarantined: 1 })
    expect(await millrace('doctor')).toMatchObject({ status: 0, out: expect.stringMatching(/\nno fault found\n$/) })
    expect((await millrace('ledger', 'show')).out).toMatch(/files +a\.ndjson +\d+ +0…\d+ +1\n/)
    const exported = (await millrace('quarantine', 'export')).out
    expect((await millrace('quarantine', 'list', '--text', 'must be integer')).out).toContain('MILL_VALUE_INVALID')
    const edit = { cwd, env: { EDITOR: `sed -i 's/"two"/2/'` } }
    expect((await commandHere(['quarantine', 'replay', '1', '--edit'], edit)).out).toBe(
      'signups: one entry replayed: 1 delivered, 0 skipped, 0 came back\n',
    )
    expect((await hold.query('select id from signups order by id')).rows).toEqual([{ id: 1 }, { id: 2 }, { id: 3 }])
    await commandHere(['quarantine', 'import'], { cwd, input: exported })
    expect((await millrace('quarantine', 'export')).out).toBe(exported)
    expect((await millrace('quarantine', 'drop', '--pipeline', 'signups', '--yes')).out).toBe('dropped one entry (1 of signups)\n')
    expect((await millrace('ledger', 'reset', 'signups', '--partition', 'a.ndjson', '--yes')).out).toBe('forgot one partition of signups\n')
    expect(JSON.parse((await millrace('run', '--drain', '--json')).out)).toMatchObject({ delivered: 2, quarantined: 1 })
    // Another process: the built command.
    const locked = await runMillrace(['doctor'], { cwd })
    expect(locked).toMatchObject({ status: 75, out: expect.stringContaining(`because: process ${process.pid} uses it`) })
    expect(await runMillrace(['quarantine', 'list'], { cwd })).toMatchObject({
      status: 75,
      err: expect.stringContaining('[MILL_DATABASE_AWAY]'),
    })
  } finally {
    await hold.close()
  }
})
