import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { gzipSync } from 'node:zlib'
import { expect } from 'vitest'
import { bundle } from '../../harness/bundle.js'
import { makeDatabase, query, type TestDatabase } from '../../harness/database.js'
import { PostgresProxy } from '../../harness/postgres-proxy.js'
import { createLines } from './pipeline.js'
import { expectedQuarantine, expectedRows, lineOf } from './records.js'
import type { Task } from './task.js'

/** The files that all of these tests read: three partitions, one of them compressed. */
export class OrderFiles {
  private constructor(
    readonly root: string,
    readonly records: number,
  ) {}

  static async write(records = 3_000): Promise<OrderFiles> {
    const root = await mkdtemp(join(tmpdir(), 'millrace-chaos-'))
    const part = (from: number, to: number) => Array.from({ length: to - from }, (_, i) => `${lineOf(from + i)}\n`).join('')
    const [first, second] = [Math.floor(records * 0.4), Math.floor(records * 0.7)]
    await writeFile(join(root, 'a.ndjson'), part(0, first))
    await writeFile(join(root, 'b.ndjson.gz'), gzipSync(part(first, second)))
    await writeFile(join(root, 'c.ndjson'), part(second, records))
    return new OrderFiles(root, records)
  }

  remove(): Promise<void> {
    return rm(this.root, { recursive: true, force: true })
  }
}

/** A pipeline in processes of its own. */
export class OrdersProgram {
  private constructor(private readonly built: Awaited<ReturnType<typeof bundle>>) {}

  static async build(): Promise<OrdersProgram> {
    return new OrdersProgram(await bundle('test/chaos/orders/child.ts'))
  }

  start(task: Task): OrdersProcess {
    return new OrdersProcess(this.built.program, task)
  }

  remove(): Promise<void> {
    return this.built.remove()
  }
}

/** One of them. */
export class OrdersProcess {
  readonly child: ChildProcess
  /** How it ended, with all that it said. */
  readonly ended: Promise<{ readonly code: number | null; readonly signal: string | null; readonly output: string }>

  constructor(program: string, task: Task) {
    const env = { ...process.env, MILLRACE_CHAOS: JSON.stringify(task) }
    this.child = spawn(process.execPath, ['--enable-source-maps', program], { env, stdio: ['ignore', 'pipe', 'pipe'] })
    let output = ''
    const collect = (chunk: Buffer): void => {
      output += chunk
    }
    this.child.stdout!.on('data', collect)
    this.child.stderr!.on('data', collect)
    const overdue = setTimeout(() => this.kill('SIGQUIT'), 90_000)
    this.ended = once(this.child, 'close').then(([code, signal]) => {
      clearTimeout(overdue)
      return { code, signal, output }
    })
  }

  kill(signal: NodeJS.Signals): void {
    this.child.kill(signal)
  }
}

/** A database for the orders, and a proxy before it. */
export class OrdersWorld {
  private constructor(
    readonly files: OrderFiles,
    private readonly database: TestDatabase,
    readonly proxy: PostgresProxy,
  ) {}

  static async open(files: OrderFiles, isKeyed: boolean, server?: string): Promise<OrdersWorld> {
    const database = await makeDatabase(server)
    await query(database.connection, createLines(isKeyed))
    return new OrdersWorld(files, database, await PostgresProxy.start(database.connection))
  }

  /** Straight to the server, past the proxy. */
  get connection(): string {
    return this.database.connection
  }

  /** What was sent is there once: as rows, or in quarantine. */
  async check(isMended: boolean): Promise<void> {
    const rows = await query<{ row: string }>(this.connection, `select order_id || '.' || line as row from lines`)
    expect(rows.map(({ row }) => row).sort()).toEqual(expectedRows(this.files.records, isMended))
    const entry = `convert_from(raw, 'UTF8') || '#' || part || ' ' || stage as entry`
    const entries = await query<{ entry: string }>(this.connection, `select ${entry} from millrace_quarantine`)
    expect(entries.map(given => given.entry).sort()).toEqual(expectedQuarantine(this.files.records, isMended))
  }

  async close(): Promise<void> {
    await this.proxy.close()
    await this.database.drop()
  }
}
