import { spawn } from 'node:child_process'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { describePostgres, query, withDatabase } from '../harness/database.js'
import { root } from '../harness/source-files.js'

interface Ended {
  readonly status: number | null
  readonly out: string
  readonly err: string
}

/** What `npm start` runs, in another working directory: the embedded database is made there. */
async function run(script: readonly string[], cwd: string, connection?: string): Promise<Ended> {
  const { DATABASE_URL: _, ...env } = process.env
  const child = spawn(process.execPath, [...script], { cwd, env: { ...env, ...(connection && { DATABASE_URL: connection }) } })
  const [out, err, status] = await Promise.all([
    text(child.stdout),
    text(child.stderr),
    new Promise<number | null>(resolve => child.on('exit', resolve)),
  ])
  return { status, out, err }
}

const start = [join(root, 'scripts/start.js'), '--json']
const sql = (statement: string) => [join(root, 'dist/cli/sql.js'), statement]
const lastLine = ({ out }: Ended) => JSON.parse(out.trimEnd().split('\n').at(-1)!)

const digest = `select (select count(*) from movies) movies, (select md5(string_agg(m::text, '|' order by m::text)) from movies m) of_movies,
  (select count(*) from flights) flights, (select md5(string_agg(f::text, '|' order by f::text)) from flights f) of_flights,
  (select count(*) from millrace_quarantine) quarantined`

describePostgres('the main job', () => {
  const database = withDatabase()
  let directory = ''
  beforeAll(async () => {
    directory = await mkdtemp(join(tmpdir(), 'millrace-main-job-'))
  })
  afterAll(() => rm(directory, { recursive: true, force: true }))

  it('gives the same rows embedded and, by one setting, on a real server; a second run delivers nothing', async () => {
    const embedded = await run(start, directory)
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
    const onServer = await run(start, directory, database.connection)
    expect(onServer, onServer.err).toMatchObject({ status: 0 })
    expect(lastLine(onServer)).toMatchObject({ delivered: 203_183, skipped: 7, quarantined: 11 })
    const again = await run(start, directory, database.connection)
    expect(lastLine(again)).toMatchObject({ delivered: 0, skipped: 0, quarantined: 0 })
    expect(lastLine(await run(start, directory))).toMatchObject({ delivered: 0, skipped: 0, quarantined: 0 })

    const [rows] = await query<Record<string, string>>(database.connection, digest)
    expect(rows).toMatchObject({ movies: '3184', flights: '199999', quarantined: '11' })
    // What it says at its end is there to be typed.
    const hinted = [...embedded.err.matchAll(/npm run sql -- "(.+)"/g)].map(([, statement = '']) => statement)
    expect(hinted).toHaveLength(2)
    for (const statement of hinted) expect(await run(sql(statement), directory), statement).toMatchObject({ status: 0, err: '' })

    const shown = await run(sql(digest), directory)
    expect(shown.status).toBe(0)
    for (const value of Object.values(rows!)) expect(shown.out).toContain(value)
  })

  it('says what is wrong with its arguments', async () => {
    expect(await run([...start, '--jsno'], directory)).toMatchObject({
      status: 2,
      err: expect.stringContaining('there is no option --jsno'),
    })
    const misled = await run(start, directory, 'mysql://me:secret@localhost/app')
    expect(misled).toMatchObject({
      status: 1,
      err: expect.stringMatching(/^postgres: expected connection to be postgres:.*MILL_OPTION_INVALID/),
    })
    expect(misled.err).not.toMatch(/secret|at async/)
    expect(await run(sql('select nonsense'), directory, database.connection)).toMatchObject({
      status: 1,
      err: expect.stringContaining('nonsense'),
    })
  })
})
