import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { describePostgres, query, withDatabase } from '../harness/database.js'
import { type MillraceEnded, millrace, runMillrace } from '../harness/millrace-command.js'
import { root } from '../harness/source-files.js'

/** What `npm start` runs, in another working directory: the embedded database is made there. */
const start = (cwd: string, connection?: string, ...more: readonly string[]) =>
  runMillrace([...startArguments(), '--json', ...more], { cwd, env: connection === undefined ? {} : { DATABASE_URL: connection } })

/** What package.json says after `node dist/cli/main.js`. */
function startArguments(): string[] {
  const { scripts } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as { scripts: { start: string } }
  // `exec`: else the shell would stand between npm and the command, and die of a SIGTERM alone.
  const [exec, node, script, ...args] = scripts.start.split(' ')
  expect([exec, node, script]).toEqual(['exec', 'node', 'dist/cli/main.js'])
  return args.map(arg => (arg.startsWith('examples/') ? join(root, arg) : arg))
}

const sql = (statement: string, cwd: string, connection?: string) =>
  runMillrace([statement], {
    script: join(root, 'dist/cli/sql.js'),
    cwd,
    env: connection === undefined ? {} : { DATABASE_URL: connection },
  })
const lastLine = ({ out }: MillraceEnded) => JSON.parse(out.trimEnd().split('\n').at(-1)!)

const digest = `select (select count(*) from movies) movies, (select md5(string_agg(m::text, '|' order by m::text)) from movies m) of_movies,
  (select count(*) from flights) flights, (select md5(string_agg(f::text, '|' order by f::text)) from flights f) of_flights,
  (select count(*) from millrace_quarantine) quarantined`

describePostgres('the main job', () => {
  const database = withDatabase()
  const stopped = withDatabase()
  let directory = ''
  beforeAll(async () => {
    directory = await mkdtemp(join(tmpdir(), 'millrace-main-job-'))
  })
  afterAll(() => rm(directory, { recursive: true, force: true }))

  it('gives the same rows embedded and, by one setting, on a real server; a second run delivers nothing', async () => {
    const embedded = await start(directory)
    expect(embedded, embedded.err).toMatchObject({ status: 0 })
    expect(lastLine(embedded)).toMatchObject({
      delivered: 203_183,
      skipped: 7,
      quarantined: 11,
      reasons: { MILL_VALUE_INVALID: 11, 'no gross known': 7 },
      pipelines: [
        { name: 'movies', delivered: 3_184, skipped: 7, quarantined: 10 },
        { name: 'flights', delivered: 199_999, quarantined: 1 },
      ],
    })
    const onServer = await start(directory, database.connection)
    expect(onServer, onServer.err).toMatchObject({ status: 0 })
    expect(lastLine(onServer)).toMatchObject({ delivered: 203_183, skipped: 7, quarantined: 11 })
    const again = await start(directory, database.connection)
    expect(lastLine(again)).toMatchObject({ delivered: 0, skipped: 0, quarantined: 0 })
    expect(lastLine(await start(directory))).toMatchObject({ delivered: 0, skipped: 0, quarantined: 0 })

    const [rows] = await query<Record<string, string>>(database.connection, digest)
    expect(rows).toMatchObject({ movies: '3184', flights: '199999', quarantined: '11' })
    // What it says at its end is there to be typed.
    const hinted = [...embedded.err.matchAll(/npm run sql -- "(.+)"/g)].map(([, statement = '']) => statement)
    expect(hinted).toHaveLength(2)
    for (const statement of hinted) expect(await sql(statement, directory), statement).toMatchObject({ status: 0, err: '' })

    const shown = await sql(digest, directory)
    expect(shown.status).toBe(0)
    for (const value of Object.values(rows!)) expect(shown.out).toContain(value)
  })

  it('drains at SIGTERM to the shell in which npm runs it', async () => {
    const command = ['exec', ...[process.execPath, millrace, ...startArguments(), '--json'].map(word => `'${word}'`)].join(' ')
    const child = spawn('sh', ['-c', command], { cwd: directory, env: { ...process.env, DATABASE_URL: stopped.connection } })
    let [out, err] = ['', '']
    child.stdout.setEncoding('utf8').on('data', text => {
      out += text
    })
    child.stderr.setEncoding('utf8').on('data', text => {
      err += text
    })
    const ended = once(child, 'close')
    await expect.poll(() => err, { timeout: 60_000, interval: 20 }).toContain('movies: starting')
    child.kill('SIGTERM')
    expect(await ended, err).toEqual([0, null])
    expect(err).toContain('SIGTERM: writing what is under way')
    expect(JSON.parse(out)).toMatchObject({
      pipelines: [
        { name: 'movies', state: 'stopped' },
        { name: 'flights', state: 'stopped', delivered: 0 },
      ],
    })
  })

  it('says what is wrong with its arguments', async () => {
    expect(await start(directory, undefined, '--jsno')).toMatchObject({
      status: 2,
      err: expect.stringContaining("unknown option '--jsno'\n(Did you mean --json?)"),
    })
    const misled = await start(directory, 'mysql://me:secret@localhost/app')
    expect(misled).toMatchObject({ status: 78, out: '', err: expect.stringMatching(/expected connection to be postgres:/) })
    expect(misled.err).not.toMatch(/secret|at async/)
    expect(await sql('select nonsense', directory, database.connection)).toMatchObject({
      status: 1,
      err: expect.stringContaining('nonsense'),
    })
  })
})
