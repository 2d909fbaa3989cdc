import { execFile, execFileSync } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { accessSync, constants, readdirSync } from 'node:fs'
import { chown, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { delimiter, dirname, join } from 'node:path'
import { promisify } from 'node:util'
import pg from 'pg'
import { freePort } from './free-port.js'
import { GuardedProcess, type Owner } from './guarded-process.js'
import { type RunningServer, ServerMissing, until } from './server.js'

const run = promisify(execFile)

/** A Postgres of this machine's programs, in a directory of its own, that tests may stop, kill and start again. */
export class LocalPostgres implements RunningServer {
  private process: GuardedProcess | null = null
  private pidOfServer = 0

  private constructor(
    private readonly bin: string,
    private readonly directory: string,
    private readonly owner: Owner | null,
    readonly port: number,
    private readonly password: string,
  ) {}

  /** Makes a new cluster and starts it: about 2 s. Throws {@link ServerMissing} where the programs are not installed. */
  static async create(settings: Readonly<Record<string, string>> = {}): Promise<LocalPostgres> {
    const bin = binaries()
    const owner = unprivileged()
    const directory = await mkdtemp(join(tmpdir(), 'millrace-postgres-'))
    if (owner) await chown(directory, owner.uid, owner.gid)
    const password = randomBytes(12).toString('hex')
    const server = new LocalPostgres(bin, directory, owner, await freePort(), password)
    await server.initialize(settings)
    await server.start()
    return server
  }

  /** Whether the programs are on this machine. */
  static isInstalled(): boolean {
    try {
      return binaries() !== ''
    } catch {
      return false
    }
  }

  get address(): string {
    return `postgres://postgres:${this.password}@127.0.0.1:${this.port}/postgres`
  }

  get from(): string {
    return join(this.bin, 'postgres')
  }

  /** Of the postmaster, for signals. */
  get pid(): number {
    return this.pidOfServer
  }

  private async initialize(settings: Readonly<Record<string, string>>): Promise<void> {
    const passwordFile = join(this.directory, 'password')
    await writeFile(passwordFile, this.password, { mode: 0o600 })
    if (this.owner) await chown(passwordFile, this.owner.uid, this.owner.gid)
    const data = join(this.directory, 'data')
    const options = ['-D', data, '-U', 'postgres', '-E', 'UTF8', '--locale=C', '-A', 'scram-sha-256', '--pwfile', passwordFile, '--no-sync']
    await run(join(this.bin, 'initdb'), options, { ...this.owner, cwd: this.directory })
    await rm(passwordFile)
    // fsync off: these tests kill processes, not machines, and what was written survives in the page cache.
    const all = { fsync: 'off', max_connections: '200', shared_buffers: '64MB', listen_addresses: '127.0.0.1', ...settings }
    const lines = Object.entries({ ...all, port: `${this.port}`, unix_socket_directories: '' }).map(
      ([key, value]) => `${key} = '${value}'\n`,
    )
    const file = join(data, 'postgresql.conf')
    await writeFile(file, (await readFile(file, 'utf8')) + lines.join(''))
  }

  /** Starts it, again at the same address, and resolves when it answers. */
  async start(): Promise<void> {
    const program = [join(this.bin, 'postgres'), '-D', join(this.directory, 'data')]
    const started = await GuardedProcess.start({ program, directory: this.directory, endBy: 'INT', owner: this.owner })
    this.process = started
    this.pidOfServer = started.pid
    await until(30_000, () => checkPostgres(this.address)).catch(cause => {
      throw new Error(`${this.from} did not answer: ${started.output}`, { cause })
    })
  }

  /** Ends it as a crash would (SIGQUIT: no checkpoint, clients cut) or orderly (SIGINT: clients told), and keeps its data for `start`. */
  async halt(signal: 'SIGQUIT' | 'SIGINT' = 'SIGINT'): Promise<void> {
    if (this.process === null) return
    process.kill(this.pidOfServer, signal)
    await this.dismiss(true)
  }

  async stop(): Promise<void> {
    await this.dismiss(false)
    await rm(this.directory, { recursive: true, force: true })
  }

  private async dismiss(keep: boolean): Promise<void> {
    const { process } = this
    this.process = null
    await process?.dismiss(keep)
  }
}

/** Throws until a Postgres answers at `address`. */
export async function checkPostgres(address: string): Promise<void> {
  const client = new pg.Client({ connectionString: address, connectionTimeoutMillis: 5_000 })
  // An idle client's error (the server going away again) must not become an uncaught exception.
  client.on('error', () => {})
  try {
    await client.connect()
    await client.query('select 1')
  } finally {
    await client.end().catch(() => {})
  }
}

/** The directory of initdb and postgres: what PATH names, else the newest of Debian's versions. */
function binaries(): string {
  const versions = '/usr/lib/postgresql'
  const debian = listed(versions)
    .sort((a, b) => Number(b) - Number(a))
    .map(version => join(versions, version, 'bin'))
  for (const directory of [...(process.env['PATH'] ?? '').split(delimiter), ...debian]) {
    if (isProgram(join(directory, 'initdb')) && isProgram(join(directory, 'postgres'))) return directory
  }
  throw new ServerMissing('initdb and postgres are neither in PATH nor in /usr/lib/postgresql/*/bin (Debian: apt-get install postgresql)')
}

function listed(directory: string): string[] {
  try {
    return readdirSync(directory)
  } catch {
    return []
  }
}

function isProgram(path: string): boolean {
  try {
    accessSync(path, constants.X_OK)
    return dirname(path) !== '.'
  } catch {
    return false
  }
}

/** Postgres refuses to run as root: then it runs as `postgres`, or as `nobody` where that user is not known. */
function unprivileged(): Owner | null {
  if (process.getuid?.() !== 0) return null
  for (const user of ['postgres', 'nobody']) {
    try {
      const id = (flag: string) => Number(execFileSync('id', [flag, user], { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] }))
      return { uid: id('-u'), gid: id('-g') }
    } catch {}
  }
  throw new ServerMissing('Postgres refuses to run as root, and there is neither a user postgres nor nobody')
}
