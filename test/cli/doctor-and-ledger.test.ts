import { describe, expect, it } from 'vitest'
import { commandHere } from '../harness/command-here.js'
import { projects } from '../harness/project.js'
import { people, peopleConfig } from '../harness/quarantine-project.js'

const project = projects()

/** Files into an embedded Postgres, ready-made; and one that cannot be made. */
const config = (more = '') => `
pipelines:
  signups:
    use: files-to-postgres
    paths: '*.ndjson'
    format: ndjson
    table: { name: signups, create: true, columns: { id: { type: integer, key: true }, email: text } }
    database: { embedded: .millrace/db }
    write: { mode: append }
${more}`

const rows = '{"id":1,"email":"a@example.org"}\n{"id":2,"email":"b@example.org"}\n{"id":"x","email":"c@example.org"}\n'

describe('millrace explain', () => {
  it('says what a ready-made pipeline is made of, its bounds, and what it promises; and opens nothing', async () => {
    const cwd = await project({ 'millrace.config.yaml': config() })
    const { status, out, err } = await commandHere(['explain', 'signups'], { cwd })
    expect(status, err).toBe(0)
    for (const line of [
      /^pipeline signups\n {2}source {6}files: \*\.ndjson under .*\n {14}format: ndjson, gzip undone/,
      /\n {2}steps {7}decode as json\n {14}validate against the schema\n {14}make the row by toRow, 1 at a time\n/,
      /\n {2}sink {8}Postgres: table signups in database .*\.millrace\/db\n {14}columns: id, email, key \(id\); made where it is missing\n/,
      /\n {2}batch {7}written at 5,000 records, 2 MiB or after 100 ms; one write at a time\n/,
      /\n {2}window {6}10,000 records or 4 MiB unsettled/,
      /\n {2}failures {4}to quarantine: table millrace_quarantine in database .*\n {14}written in the transaction of their batch\n/,
      /\n {2}guarantees {2}each record exactly once in table signups\n {14}a record that fails is in quarantine exactly once, or delivered, never both\n/,
    ])
      expect(out).toMatch(line)
    const json = JSON.parse((await commandHere(['explain', 'signups', '--json'], { cwd })).out)
    expect(json).toMatchObject({ pipeline: 'signups', batch: { maxRecords: 5_000 }, limits: { maxInFlight: 10_000 } })
    expect(await commandHere(['explain', 'signup'], { cwd })).toMatchObject({
      status: 2,
      err: expect.stringContaining('did you mean signups?'),
    })
  })

  it('says of steps that are code only what it can know', async () => {
    const cwd = await project({ 'millrace.config.js': peopleConfig() })
    const { out } = await commandHere(['explain', 'people'], { cwd })
    expect(out).toContain('steps       a function over RxJS streams, which cannot be looked into\n')
    expect(out).toContain('its text names decode → validate → transform\n')
    expect(out).toContain('guarantees  each record at least once\n')
    expect((await commandHere(['explain', 'halting'], { cwd })).out).toContain('failures    the run ends at the first record that fails\n')
  })
})

describe('millrace doctor', () => {
  it('finds nothing wrong where all is well, and says with status and way out what is', async () => {
    const cwd = await project({ 'millrace.config.js': peopleConfig(), 'people.in': people })
    const well = await commandHere(['doctor', 'people'], { cwd })
    expect(well.status, well.err).toBe(0)
    expect(well.out).toMatch(/^pipeline people\n {2}✓ source files: one file|1 file matches now/)
    expect(well.out).toMatch(/\nno fault found\n$/)
    const ill = await commandHere(['doctor', '--json'], { cwd })
    expect(ill.status).toBe(1)
    expect(JSON.parse(ill.out)).toMatchObject({
      faults: 1,
      warnings: 0,
      pipelines: [
        { pipeline: 'people' },
        {
          pipeline: 'halting',
          findings: [{ level: 'fault', part: 'source files', what: expect.stringMatching(/^no file matches/), fix: /./ }, {}],
        },
      ].map(each => expect.objectContaining({ pipeline: each.pipeline })),
    })
    const lines = (await commandHere(['doctor', 'halting'], { cwd })).out
    expect(lines).toMatch(
      / {2}✗ source files: no file matches \*\.none under .*\n {6}because: a run would end at once\n {6}way out: correct paths/,
    )
    expect(lines).toMatch(/\n1 fault, 0 warnings\n$/)
  })

  it('ends with the status of the class: 69 away, 77 not allowed, 78 config, and 1 of several', async () => {
    const away = '{ connection: "postgres://u:secret-word@localhost:1/x" }'
    const cwd = await project({ 'millrace.config.yaml': config().replace('{ embedded: .millrace/db }', away), 'a.ndjson': rows })
    const ended = await commandHere(['doctor'], { cwd })
    expect(ended).toMatchObject({ status: 69, out: expect.stringMatching(/✗ sink postgres signups: database localhost:1\/x is away/) })
    expect(ended.out).not.toContain('secret-word')
    // The quarantine is in the same database: told once.
    expect(ended.out).toContain('\n1 fault, 0 warnings\n')
    const embedded = await project({ 'millrace.config.yaml': config().replace('create: true', 'create: false'), 'a.ndjson': rows })
    expect(await commandHere(['doctor'], { cwd: embedded })).toMatchObject({
      status: 78,
      out: expect.stringContaining('table signups is not there'),
    })
    const both = await project({ 'millrace.config.yaml': config().replace('create: true', 'create: false') })
    expect(await commandHere(['doctor'], { cwd: both })).toMatchObject({ status: 1, out: expect.stringContaining('2 faults, 0 warnings') })
  })

  it('tells of a pipeline that cannot be made, and inspects the others', async () => {
    const more = "  broken: { use: './broken.js' }\n"
    const cwd = await project({ 'millrace.config.yaml': config(more), 'a.ndjson': rows, 'broken.js': `throw new Error('it broke')` })
    const { status, out } = await commandHere(['doctor'], { cwd })
    expect(status).toBe(78)
    expect(out).toContain('✓ source files: 1 file matches now')
    expect(out).toMatch(/pipeline broken\n {2}✗ config: the pipeline cannot be made\n {6}because: .*it broke/)
  })
})

describe('millrace ledger', () => {
  it('refuses a pipeline that keeps none', async () => {
    const cwd = await project({ 'millrace.config.js': peopleConfig() })
    expect(await commandHere(['ledger', 'show', 'people'], { cwd })).toMatchObject({
      status: 2,
      err: expect.stringContaining('people keeps no ledger'),
    })
    expect(await commandHere(['ledger', 'show'], { cwd })).toMatchObject({
      status: 2,
      err: expect.stringContaining('no pipeline of the config keeps a ledger'),
    })
  })
})
