import { randomBytes } from 'node:crypto'
import pg from 'pg'
import { afterAll, beforeAll, describe, inject } from 'vitest'
import { LocalPostgres } from './servers/local-postgres.js'

const address = inject('postgres')
if (address === undefined) throw new Error('tests that need servers lie in test/integration or test/chaos')

/** `describe` for tests that need the real Postgres; skipped where none could be started (under CI that is an error before any test). */
export const describePostgres: typeof describe = (address === null ? describe.skip : describe) as typeof describe

/** `describe` for tests that stop and kill the server, and so need one of their own, made of this machine's programs. */
export const describeOwnPostgres: typeof describe = isOwnPossible() ? describe : (describe.skip as typeof describe)

function isOwnPossible(): boolean {
  // Under CI they run all the same: and fail with what is missing.
  if (LocalPostgres.isInstalled() || process.env['CI']) return true
  console.error(
    '\nNOT TESTED: what needs a Postgres of its own, for its programs are not on this machine (Debian: apt-get install postgresql).\n',
  )
  return false
}

/** A database of this test file alone, dropped after its last test. Call it at the top of the file; `connection` is there from the first test on. */
export function withDatabase(): { readonly connection: string } {
  let made: TestDatabase | undefined
  beforeAll(async () => {
    if (address !== null) made = await makeDatabase()
  })
  afterAll(() => made?.drop())
  return {
    get connection() {
      return made!.connection
    },
  }
}

/** An empty database. */
export interface TestDatabase {
  readonly connection: string
  readonly drop: () => Promise<void>
}

/** For tests that need more than one: on the server that the tests share, or on one of the test's own. */
export async function makeDatabase(server: string = address!): Promise<TestDatabase> {
  const name = `test_${randomBytes(6).toString('hex')}`
  const url = new URL(server)
  url.pathname = `/${name}`
  await asClient(server, client => client.query(`create database ${name} template template0 encoding 'UTF8'`))
  return {
    connection: url.href,
    drop: () => asClient(server, async client => void (await client.query(`drop database if exists ${name} with (force)`))),
  }
}

/** One connection to `connection` for a test's own looks at the rows. */
export async function query<Row extends pg.QueryResultRow>(connection: string, text: string, values: unknown[] = []): Promise<Row[]> {
  return asClient(connection, async client => (await client.query<Row>(text, values)).rows)
}

/** Gives `use` a connection and closes it afterwards. */
export async function asClient<T>(connection: string, use: (client: pg.Client) => Promise<T>): Promise<T> {
  const client = new pg.Client({ connectionString: connection })
  client.on('error', () => {})
  await client.connect()
  try {
    return await use(client)
  } finally {
    await client.end()
  }
}
