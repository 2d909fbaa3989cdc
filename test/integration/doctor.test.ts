import { randomBytes } from 'node:crypto'
import { chmod, mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { countLine, diagnosisStatus } from '../../src/cli/inspection/diagnosis-lines.js'
import type { FaultKind } from '../../src/core/inspection.js'
import { openDatabase } from '../../src/drivers/postgres/database.js'
import {
  decode,
  definePipeline,
  filePositions,
  fileQuarantine,
  filesSource,
  memorySink,
  memorySource,
  postgres,
  postgresPositions,
  postgresQuarantine,
  postgresSink,
  type Quarantine,
  table,
  transform,
} from '../../src/index.js'
import { asUser } from '../harness/as-user.js'
import { asClient, describePostgres, makeDatabase, query, type TestDatabase } from '../harness/database.js'
import { diagnosisOf, faultsOf } from '../harness/faults-of.js'

const DEFINED = 'create table signups (id integer primary key, email text not null)'

/** A set-up that `check` takes, and that is healthy until it is spoiled. */
interface SetUp {
  /** As the owner of the database. */
  readonly sql: (text: string) => Promise<unknown>
  /** The connection of the pipeline's own role, which may do what it must. */
  readonly connection: string
  readonly role: string
  readonly directory: string
}

interface Seeded {
  readonly fault: string
  readonly finding: RegExp
  readonly kind?: FaultKind
  readonly spoil?: (setUp: SetUp) => Promise<unknown>
  readonly as?: Partial<Settings>
  readonly user?: string
}

interface Settings {
  readonly connection: (given: string) => string
  readonly create: boolean
  readonly ledger: boolean
  readonly mode: 'append' | 'upsert'
  readonly paths: string
  readonly quarantine: (directory: string) => Quarantine
}

const seeds: readonly Seeded[] = [
  { fault: 'Postgres away', finding: /^database localhost:1\/.* is away$/, kind: 'unavailable', as: { connection: url => moved(url, { host: 'localhost:1' }) } },
  { fault: 'an unknown host', finding: /^the host of database .* is not known$/, kind: 'unavailable', as: { connection: url => moved(url, { hostname: 'no-such-host.invalid' }) } },
  { fault: 'a wrong password', finding: /does not take the user or the password$/, kind: 'not-allowed', as: { connection: url => moved(url, { password: 'wrong' }) } },
  { fault: 'a missing database', finding: /^database .*no_such_db does not exist$/, kind: 'config', as: { connection: url => moved(url, { pathname: '/no_such_db' }) } },
  { fault: 'a missing table', finding: /^table signups is not there$/, kind: 'config', spoil: ({ sql }) => sql('drop table signups') },
  { fault: 'a missing column', finding: /column email is not in the database \(did you mean mail\?\)$/, kind: 'config', spoil: ({ sql }) => sql('alter table signups rename email to mail; alter table signups alter mail drop not null') },
  { fault: 'a column of another type', finding: /column email is text, in the database integer$/, kind: 'config', spoil: ({ sql }) => sql('alter table signups alter email type integer using 0') },
  { fault: 'a column not null that the definition lacks', finding: /column plan of the database is not null and has no default/, kind: 'config', spoil: ({ sql }) => sql('alter table signups add plan text not null') },
  { fault: 'no unique key', finding: /the key \(id\) has no unique index$/, kind: 'config', spoil: ({ sql }) => sql('alter table signups drop constraint signups_pkey') },
  { fault: 'no right to insert', finding: /may not INSERT on table signups$/, kind: 'not-allowed', spoil: ({ sql, role }) => sql(`revoke insert on signups from ${role}`) },
  { fault: 'no right to update, where rows are overwritten', finding: /may not UPDATE on table signups$/, kind: 'not-allowed', spoil: ({ sql, role }) => sql(`revoke update on signups from ${role}`), as: { mode: 'upsert' } },
  { fault: 'no right to make temporary tables', finding: /may not make temporary tables in database/, kind: 'not-allowed', spoil: ({ sql }) => sql(`do $$ begin execute format('revoke temporary on database %I from public', current_database()); end $$`), as: { mode: 'upsert' } },
  { fault: 'no right to create in the schema', finding: /^table signups is missing, and .* may not make it$/, kind: 'not-allowed', spoil: ({ sql, role }) => sql(`drop table signups; revoke create on schema public from ${role}`), as: { create: true } },
  { fault: 'no right to use the schema', finding: /may not use schema private of table private.signups$/, kind: 'not-allowed', spoil: ({ sql }) => sql('create schema private; create table private.signups (id integer primary key, email text not null)'), as: { table: 'private.signups' } as never },
  { fault: 'a quarantine that cannot be written', finding: /may not INSERT on table millrace_quarantine$/, kind: 'not-allowed', spoil: ({ sql, role }) => sql(`revoke insert on millrace_quarantine from ${role}`) },
  { fault: 'a ledger that cannot be written', finding: /may not UPDATE on table millrace_ledger$/, kind: 'not-allowed', spoil: ({ sql, role }) => sql(`revoke update on millrace_ledger from ${role}`) },
  { fault: 'a ledger of a foreign shape', finding: /^table millrace_ledger is not the ledger$/, kind: 'config', spoil: ({ sql }) => sql('drop table millrace_ledger; create table millrace_ledger (account text, amount numeric)') },
  { fault: 'a read-only server', finding: /^database .* is read-only$/, kind: 'config', spoil: ({ sql, role }) => sql(`alter role ${role} set default_transaction_read_only = on`) },
  { fault: 'a directory of files without rights', finding: /^locked cannot be read: there is no permission/, kind: 'not-allowed', spoil: ({ directory }) => mkdir(join(directory, 'locked'), { mode: 0o700 }), as: { paths: '**/*.ndjson' }, user: 'nobody' },
  { fault: 'a file without rights', finding: /^in.ndjson cannot be read: there is no permission/, kind: 'not-allowed', spoil: ({ directory }) => chmod(join(directory, 'in.ndjson'), 0o600), user: 'nobody' },
  { fault: 'no file that matches', finding: /^no file matches \*\.csv under/, as: { paths: '*.csv' } },
  { fault: 'a quarantine directory that cannot be written', finding: /^the quarantine directory .* cannot be written$/, kind: 'not-allowed', spoil: ({ directory }) => mkdir(join(directory, 'failed'), { mode: 0o755 }), as: { quarantine: directory => fileQuarantine(join(directory, 'failed')) }, user: 'nobody' },
  { fault: 'a quarantine directory that is none', finding: /^the quarantine directory .* is not a directory$/, kind: 'config', as: { quarantine: directory => fileQuarantine(join(directory, 'in.ndjson')) } },
] // biome-ignore format: a table

describePostgres('doctor', () => {
  const made: (() => Promise<unknown>)[] = []
  afterAll(async () => {
    for (const undo of made.reverse()) await undo()
  })

  async function setUp(): Promise<SetUp & { readonly database: TestDatabase }> {
    const role = `doctor_${randomBytes(4).toString('hex')}`
    made.push(() => sqlOnServer(`drop role if exists ${role}`))
    const database = await makeDatabase()
    made.push(() => database.drop())
    const sql = (text: string) => query(database.connection, text)
    await sql(`create role ${role} login password 's3cr3t-of-role'; ${DEFINED}; grant usage, create on schema public to ${role}`)
    const connection = moved(database.connection, { username: role, password: 's3cr3t-of-role' })
    // As its owner makes them: a run before the rights were taken.
    const owner = definedOn({ connection: database.connection, directory: tmpdir() }, {})
    await (await owner.sink.open({ pipeline: 'signups', log: silent, quarantine: 'halt' })).close?.()
    await (await owner.quarantine.open({ pipeline: 'signups' })).close?.()
    await sql(
      `grant select, insert, update, delete on all tables in schema public to ${role}; grant usage on all sequences in schema public to ${role}`,
    )
    const directory = await mkdtemp(join(tmpdir(), 'millrace-doctor-'))
    made.push(() => rm(directory, { recursive: true, force: true }))
    await chmod(directory, 0o755)
    await writeFile(join(directory, 'in.ndjson'), '{"id":1,"email":"a@b.c"}\n')
    return { sql, connection, role, directory, database }
  }
  const sqlOnServer = (text: string) => asClient(serverOf!, client => client.query(text))
  let serverOf: string | undefined
  beforeAll(async () => {
    const database = await makeDatabase()
    serverOf = moved(database.connection, { pathname: '/postgres' })
    await database.drop()
  })

  test.each(seeds)('finds $fault, and nothing else', async ({ finding, kind, spoil, as = {}, user }) => {
    const given = await setUp()
    await spoil?.(given)
    const { pipeline } = definedOn(given, as)
    const find = async () => {
      const faults = await faultsOf(pipeline)
      expect(faults.map(({ what }) => what)).toEqual([expect.stringMatching(finding)])
      expect(faults[0]!.fix).toMatch(/\w/)
      expect(faults[0]!.kind).toBe(kind)
      expect(JSON.stringify(faults)).not.toMatch(/s3cr3t-of-role|wrong["@:]/)
    }
    await (user === undefined ? find() : asUser(user, find))
  })

  test('finds nothing wrong in a healthy set-up, before its first run and after, and changes nothing', async () => {
    const given = await setUp()
    for (const as of [{}, { mode: 'upsert' }, { ledger: false }] as const) {
      const { pipeline } = definedOn(given, as)
      const before = await dump(given)
      const diagnosis = await diagnosisOf(pipeline)
      expect(diagnosis.findings.filter(({ level }) => level !== 'ok')).toEqual([])
      expect(diagnosisStatus([diagnosis])).toBe(0)
      expect(countLine([diagnosis])).toBe('no fault found')
      expect(await dump(given)).toEqual(before)
      if (as.mode === undefined) await pipeline.start().finished
    }
  })

  test('finds nothing wrong where all is to be made, and makes none of it', async () => {
    const given = await setUp()
    await given.sql('drop table signups, millrace_ledger, millrace_seen, millrace_quarantine')
    const { pipeline } = definedOn(given, { create: true })
    const { findings } = await diagnosisOf(pipeline)
    expect(findings.filter(({ level }) => level !== 'ok')).toEqual([])
    expect(findings.map(({ what }) => what).filter(what => what.includes('is made at the first run'))).toHaveLength(4)
    expect(await dump(given)).toEqual([])
    await pipeline.start().finished
    expect((await faultsOf(pipeline)).length).toBe(0)
  })

  test('says how a database is reached once, and asks of positions what they need', async () => {
    const given = await setUp()
    const database = postgres({ connection: given.connection })
    const at = join(given.directory, 'none', 'at-all')
    const source = (positions: ReturnType<typeof filePositions>) =>
      filesSource({ paths: '*.ndjson', format: 'ndjson', root: given.directory, positions })
    const pipeline = definePipeline({
      name: 'two',
      source: { a: source(postgresPositions(database)), b: source(filePositions(at)) },
      steps: ({ a }) => a.pipe(decode('text')),
      sink: memorySink(),
      onFailure: postgresQuarantine(database),
    })
    const { findings } = await diagnosisOf(pipeline)
    expect(findings.filter(({ what }) => / answers in \d+ ms, Postgres \d+.*, as doctor_/.test(what))).toHaveLength(1)
    const whats = findings.map(({ part, what }) => `${part}: ${what}`)
    expect(whats).toContainEqual(expect.stringMatching(/^source a: table millrace_positions is made at the first run/))
    expect(whats).toContainEqual(`source b: the directory of positions ${at} is made at the first run`)
    expect(whats).toContain('sink memory: it has nothing to be inspected')
  })

  test('warns of connections that are not left', async () => {
    const given = await setUp()
    await given.sql(`alter role ${given.role} connection limit 3`)
    const { findings } = await diagnosisOf(definedOn(given, {}).pipeline)
    const [warning, ...others] = findings.filter(({ level }) => level !== 'ok')
    expect(warning).toMatchObject({ level: 'warning', what: expect.stringMatching(/has \d connections left, this pool may open 10$/) })
    expect(others).toEqual([])
  })

  test('ends where a server takes the connection and says nothing', async () => {
    const { createServer } = await import('node:net')
    const server = createServer(socket => socket.on('error', () => {}).resume()).listen(0, '127.0.0.1')
    await new Promise(resolve => server.once('listening', resolve))
    const { port } = server.address() as { port: number }
    const begun = performance.now()
    try {
      const sink = postgresSink(postgres({ connection: `postgres://a@127.0.0.1:${port}/b` }), signups(false), {
        mode: 'append',
        ledger: true,
      })
      const pipeline = definePipeline({
        name: 'silent',
        source: memorySource([]),
        steps: r => r.pipe(transform(() => row)),
        sink,
        onFailure: 'halt',
      })
      expect(await faultsOf(pipeline)).toMatchObject([{ what: `database 127.0.0.1:${port}/b does not answer`, kind: 'unavailable' }])
      expect(performance.now() - begun).toBeLessThan(9_000)
    } finally {
      server.close()
    }
  })
})

test('finds an embedded database that another process has, one that is not made yet, and one that is healthy', async () => {
  const directory = await mkdtemp(join(tmpdir(), 'millrace-doctor-'))
  try {
    const at = join(directory, 'db')
    const pipelineOn = (create: boolean) => {
      const database = postgres({ embedded: at })
      const sink = postgresSink(database, signups(create), { mode: 'append', ledger: true })
      const pipeline = definePipeline({
        name: 'embedded',
        source: memorySource([Buffer.from('x')]),
        steps: r => r.pipe(transform(() => row)),
        sink,
        onFailure: postgresQuarantine(database),
      })
      return { pipeline, database }
    }
    expect(await faultsOf(pipelineOn(false).pipeline)).toMatchObject([{ what: 'table signups is not there' }])
    const made = pipelineOn(true)
    expect(await faultsOf(made.pipeline)).toEqual([])
    // Held: on a busy machine a new one takes longer to be made than a run waits for it.
    const hold = await openDatabase(made.database)
    await made.pipeline.start().finished
    const { findings } = await diagnosisOf(made.pipeline)
    expect(findings.filter(({ level }) => level !== 'ok')).toEqual([])
    expect(findings.map(({ what }) => what)).toContainEqual(expect.stringMatching(/^the disk of .* left$/))
    await hold.close()
    // A claim of process 1, which lives, as another process would have made it.
    await writeFile(`${at}.lock`, '1\n')
    const locked = await faultsOf(made.pipeline)
    expect(locked).toMatchObject([{ what: `the embedded database ${at} is locked`, cause: 'process 1 uses it', kind: 'locked' }])
    await rm(`${at}.lock`)
  } finally {
    await rm(directory, { recursive: true, force: true })
  }
})

const silent = { debug() {}, info() {}, warn() {}, error() {} }
const row = { id: 1, email: 'a@b.c' }
const signups = (create: boolean, name = 'signups') => table(name, c => ({ id: c.integer(), email: c.text() }), { key: ['id'], create })

function definedOn(
  { connection, directory }: Pick<SetUp, 'connection' | 'directory'>,
  as: Partial<Settings> & { readonly table?: string },
) {
  const database = postgres({ connection: as.connection?.(connection) ?? connection })
  const { ledger = true, mode = 'append' } = as
  const options = mode === 'upsert' ? { mode, ledger } : { mode, ledger, onDuplicate: 'ignore' as const }
  const sink = postgresSink(database, signups(as.create ?? false, as.table), options as { mode: 'append'; ledger: true })
  const quarantine = as.quarantine?.(directory) ?? postgresQuarantine(database)
  const pipeline = definePipeline({
    name: 'signups',
    source: filesSource({ paths: as.paths ?? '*.ndjson', format: 'ndjson', root: directory }),
    steps: records => records.pipe(transform(() => row)),
    sink,
    onFailure: quarantine,
  })
  return { pipeline, sink, quarantine }
}

function moved(connection: string, to: Partial<Record<'host' | 'hostname' | 'username' | 'password' | 'pathname', string>>): string {
  return Object.assign(new URL(connection), to).href
}

const dump = ({ sql }: SetUp): Promise<unknown> =>
  sql(`select c.relname, (select count(*) from pg_attribute a where a.attrelid = c.oid)::int as columns, c.relacl::text
from pg_class c join pg_namespace n on n.oid = c.relnamespace where n.nspname = 'public' order by 1`)
