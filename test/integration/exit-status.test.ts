import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, it, onTestFinished } from 'vitest'
import { exitStatus } from '../../src/cli/exit-status.js'
import { memoryConfig } from '../cli/pipelines.js'
import { describePostgres, query, withDatabase } from '../harness/database.js'
import { runMillrace, startMillrace } from '../harness/millrace-command.js'
import { projects } from '../harness/project.js'
import { root } from '../harness/source-files.js'

const project = projects()

/** A project with one pipeline of files into a table. */
const files = (database: object, more: object = {}, rows = '{"id":1}\n{"id":2}\n') =>
  project({
    'millrace.config.json': JSON.stringify({
      pipelines: {
        rows: {
          use: 'files-to-postgres',
          paths: '*.ndjson',
          format: 'ndjson',
          table: { name: 'rows', create: true, columns: { id: 'integer' } },
          database,
          ...more,
        },
      },
    }),
    'rows.ndjson': rows,
  })

describePostgres('the exit status of millrace run', () => {
  const database = withDatabase()
  const role = `reader_${process.pid}`
  beforeAll(async () => {
    await query(database.connection, `create role ${role} login password 'right'`)
    await query(database.connection, 'revoke create on schema public from public')
  })
  afterAll(() => query(database.connection, `drop role ${role}`))

  it('is 0 when all is done, and when there is nothing to do', async () => {
    const cwd = await files({ connection: database.connection })
    for (const delivered of [2, 0]) {
      const { status, out, err } = await runMillrace(['run', '--json'], { cwd })
      expect(status, err).toBe(exitStatus.done)
      expect(JSON.parse(out)).toMatchObject({ delivered })
    }
  })

  it('is 1 when a pipeline failed', async () => {
    const cwd = await project({
      'millrace.config.js': memoryConfig(
        `bad: definePipeline({ name: 'bad', source: memorySource([bytes(1)]), steps: records => records.pipe(decode('json'), validate(schema)), sink: memorySink(), onFailure: 'halt' })`,
      ),
    })
    expect(await runMillrace(['run'], { cwd })).toMatchObject({ status: exitStatus.failed })
  })

  it('is 2 when it was not written as it must be', async () => {
    const cwd = await files({ connection: database.connection })
    for (const args of [['run', 'row'], ['run', '--drian'], ['runn'], ['run', '--workers', '2']])
      expect(await runMillrace(args, { cwd }), args.join(' ')).toMatchObject({ status: exitStatus.usage, out: '' })
  })

  it('is 69 when a service is away at the start', async () => {
    const cwd = await files({ connection: 'postgres://nobody@127.0.0.1:1/nothing' }, { limits: { startTimeoutMs: 1_000 } })
    const { status, err } = await runMillrace(['run'], { cwd })
    expect(status, err).toBe(exitStatus.unavailable)
    expect(err).toContain('MILL_START_TIMEOUT')
  })

  it('is 75 when another process has what is needed', async () => {
    const cwd = await project({
      'millrace.config.js': `
        import { definePipeline, memorySink, postgres, postgresQuarantine } from 'millrace'
        const database = postgres({ embedded: 'db' })
        export default { pipelines: { waits: definePipeline({
          name: 'waits',
          source: { name: 'silent', commits: 'prefix', async open() { return { read: (_, signal) => new Promise(resolve => signal.addEventListener('abort', () => resolve(null))) } } },
          steps: records => records,
          sink: memorySink(),
          onFailure: postgresQuarantine(database, { create: true }),
          limits: { startTimeoutMs: Number(process.env.START_TIMEOUT_MS) },
        }) } }`,
    })
    const holder = startMillrace(['run'], { cwd, env: { START_TIMEOUT_MS: '60000' } })
    onTestFinished(() => void holder.child.kill('SIGKILL'))
    await holder.says(/waits: running/, 60_000)
    const { status, err } = await runMillrace(['run'], { cwd, env: { START_TIMEOUT_MS: '500' } })
    expect(status, err).toBe(exitStatus.locked)
    holder.child.kill('SIGTERM')
    expect((await holder.ended).status).toBe(0)
  })

  it('is 77 when a right is missing', async () => {
    const url = new URL(database.connection)
    url.username = role
    url.password = 'right'
    const cwd = await files({ connection: url.href }, { table: { name: 'others', create: true, columns: { id: 'integer' } } })
    const { status, err } = await runMillrace(['run'], { cwd })
    expect(status, err).toBe(exitStatus.notAllowed)
    expect(err).toContain('permission denied')
  })

  it('is 78 when the config is wrong, is not there, or does not fit what is there', async () => {
    const { connection } = database
    const wrong = await files({ connection }, { formt: 'csv' })
    expect(await runMillrace(['run'], { cwd: wrong })).toMatchObject({
      status: exitStatus.config,
      err: expect.stringContaining('did you mean format?'),
    })
    expect(await runMillrace(['run', '-c', 'nowhere.json'], { cwd: wrong })).toMatchObject({ status: exitStatus.config })
    await query(connection, 'create table texts (id text)')
    const mismatch = await files({ connection }, { table: { name: 'texts', columns: { id: 'integer' } } })
    const { status, err } = await runMillrace(['run'], { cwd: mismatch })
    expect(status, err).toBe(exitStatus.config)
    expect(err).toContain('MILL_TABLE_MISMATCH')
  })

  it.each([
    ['SIGINT', exitStatus.interrupted],
    ['SIGTERM', exitStatus.terminated],
  ] as const)('after a second %s is %i', async (signal, expected) => {
    const cwd = await project({ 'millrace.config.js': memoryConfig(`stuck: endless('stuck', { write: null })`) })
    const running = startMillrace(['run'], { cwd })
    // Something is under way that never ends.
    await running.says(/stuck: running.* in flight/)
    running.child.kill(signal)
    await running.says(/once more aborts/)
    running.child.kill(signal)
    expect(await running.ended).toMatchObject({ status: expected })
  })
})

it('each exit status stands in docs/operations.md', () => {
  const page = readFileSync(join(root, 'docs/operations.md'), 'utf8')
  const documented = [...page.matchAll(/^\| (\d+) \|/gm)].map(([, status]) => Number(status))
  expect(documented).toEqual(Object.values(exitStatus))
})
