import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { gzipSync } from 'node:zlib'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { bundle } from '../../harness/bundle.js'
import { describePostgres, makeDatabase, query } from '../../harness/database.js'
import { PostgresProxy, type ProxiedMessage, type Verdict } from '../../harness/postgres-proxy.js'
import { chosenSeed, seededRandom } from '../../harness/random.js'
import { ownPoints, type Point, proxyPoints, type Task } from './task.js'
import { expectedQuarantine, expectedRows, lineOf } from './workload.js'

const RECORDS = 3_000
const KILLS = process.env['MILLRACE_LONG'] ? 200 : 10
const seed = chosenSeed()

describePostgres(`a pipeline that is killed (MILLRACE_SEED=${seed})`, () => {
  let root: string
  let child: Awaited<ReturnType<typeof bundle>>

  beforeAll(async () => {
    child = await bundle('test/chaos/kill/child.ts')
    root = await mkdtemp(join(tmpdir(), 'millrace-chaos-'))
    const part = (from: number, to: number) => Array.from({ length: to - from }, (_, i) => `${lineOf(from + i)}\n`).join('')
    await writeFile(join(root, 'a.ndjson'), part(0, 1_200))
    await writeFile(join(root, 'b.ndjson.gz'), gzipSync(part(1_200, 2_100)))
    await writeFile(join(root, 'c.ndjson'), part(2_100, RECORDS))
  })
  afterAll(async () => {
    await child.remove()
    await rm(root, { recursive: true, force: true })
  })

  /** Kills it until it was killed often enough, over as many databases as that takes, and looks at each in the end. */
  async function killed(point: Point, mode: Task['mode'], kills = KILLS): Promise<void> {
    const random = seededRandom(seed + point.length)
    for (let killed = 0; killed < kills; ) {
      const world = await World.open(root, child.program)
      try {
        if (mode === 'replay') await world.run({ mode: 'run', isMended: false })
        const before = killed
        for (; killed < kills; killed++) {
          const after = 1 + Math.floor(random() * (point === 'handled' ? (mode === 'run' ? 300 : 20) : 6))
          if (!(await world.run({ mode, isMended: mode === 'replay' }, { point, after }))) break
        }
        if (killed === before) throw new Error(`it never comes to '${point}'`)
        await world.run({ mode, isMended: mode === 'replay' })
        await world.check(mode === 'replay')
      } finally {
        await world.close()
      }
    }
  }

  const timeout = KILLS * 10_000
  for (const point of [...ownPoints, ...proxyPoints]) {
    it(`at '${point}' loses nothing and doubles nothing`, () => killed(point, 'run'), timeout)
  }
  for (const point of ['handled', 'within the write', 'COMMIT sent', 'after COMMIT', 'after the write'] as const) {
    it(`while replaying, at '${point}', loses nothing and doubles nothing`, () => killed(point, 'replay', Math.max(2, KILLS / 5)), timeout)
  }
})

/** One database with what the pipeline wrote into it. */
class World {
  private constructor(
    private readonly root: string,
    private readonly program: string,
    private readonly database: Awaited<ReturnType<typeof makeDatabase>>,
    private readonly proxy: PostgresProxy,
  ) {}

  static async open(root: string, program: string): Promise<World> {
    const database = await makeDatabase()
    await query(
      database.connection,
      `create table lines (order_id bigint not null, line integer not null, account text not null, amount integer not null check (amount >= 0))`,
    )
    return new World(root, program, database, await PostgresProxy.start(database.connection))
  }

  /** Runs the child. True when it was killed as it was meant to be, false when it came to its end first. */
  async run(how: Pick<Task, 'mode' | 'isMended'>, killAt?: { readonly point: Point; readonly after: number }): Promise<boolean> {
    const task: Task = { ...how, connection: this.proxy.address, root: this.root, ...(killAt && { killAt }) }
    const child = spawn(process.execPath, ['--enable-source-maps', this.program], {
      env: { ...process.env, MILLRACE_CHAOS: JSON.stringify(task) },
      stdio: ['ignore', 'pipe', 'pipe'],
    })
    let output = ''
    child.stdout.on('data', chunk => (output += chunk))
    child.stderr.on('data', chunk => (output += chunk))
    this.proxy.decide = killAt ? stopAt(killAt.point, killAt.after, () => child.kill('SIGKILL')) : () => 'pass'
    const overdue = setTimeout(() => child.kill('SIGQUIT'), 60_000)
    const [code, signal] = (await once(child, 'close')) as [number | null, string | null]
    clearTimeout(overdue)
    if (signal === 'SIGKILL' && killAt) return true
    if (code !== 0) throw new Error(`the child ended with ${signal ?? code}: ${output}`)
    return false
  }

  async check(isMended: boolean): Promise<void> {
    const { connection } = this.database
    const rows = await query<{ row: string }>(connection, `select order_id || '.' || line as row from lines`)
    expect(rows.map(({ row }) => row).sort()).toEqual(expectedRows(RECORDS, isMended))
    const entries = await query<{ entry: string }>(
      connection,
      `select convert_from(raw, 'UTF8') || '#' || part || ' ' || stage as entry from millrace_quarantine`,
    )
    expect(entries.map(({ entry }) => entry).sort()).toEqual(expectedQuarantine(RECORDS, isMended))
  }

  async close(): Promise<void> {
    await this.proxy.close()
    await this.database.drop()
  }
}

/** Stops the traffic at a point and kills the child then: what was sent stays sent, and nothing comes after it. */
function stopAt(point: Point, after: number, kill: () => void): (message: ProxiedMessage) => Verdict {
  let times = 0
  let isOver = false
  /** Connections whose transaction with a batch has been sent whole, and not been answered. */
  const sent = new Set<number>()
  const count = (verdict: Verdict): Verdict => {
    if (++times < after) return 'pass'
    isOver = true
    kill()
    return verdict
  }
  return message => {
    if (isOver) return 'hold'
    const { connection } = message
    if (point === 'during a quarantine write' && isQuery(message) && message.text.includes('millrace_quarantine')) return count('half')
    if (point === 'within the write' && isRows(message)) return count('half')
    if (endsTransaction(message)) {
      sent.add(connection)
      if (point === 'before COMMIT') return count('hold')
      if (point === 'COMMIT sent') return count('pass')
    }
    // Rows, ledger and quarantine are one message, hence one transaction without the word: it is committed before the server says that it is ready.
    if (message.from === 'server' && message.type === 'Z' && sent.delete(connection) && point === 'after COMMIT') return count('hold')
    return 'pass'
  }
}

const isQuery = ({ from, type }: ProxiedMessage) => from === 'client' && (type === 'Q' || type === 'P')
const isRows = ({ from, type }: ProxiedMessage) => from === 'client' && type === 'd'
/** The end of the rows, after which the server needs nothing more; or covers alone, or what was tried row by row. */
function endsTransaction(message: ProxiedMessage): boolean {
  if (message.from === 'client' && message.type === 'c') return true
  return (
    isQuery(message) &&
    (/^\s*commit\b/i.test(message.text) || (message.text.includes('update millrace_ledger') && !/\bcopy\b/i.test(message.text)))
  )
}
