import { randomBytes } from 'node:crypto'
import pg from 'pg'
import { afterAll, beforeAll, describe, inject } from 'vitest'

const address = inject('postgres')

/** `describe` for tests that need the real Postgres; skipped where none could be started (under CI that is an error before any test). */
export const describePostgres: typeof describe = (address === null ? describe.skip : describe) as typeof describe

/** A database of this test file alone, dropped after its last test. Call it at the top of the file; `connection` is there from the first test on. */
export function withDatabase(): { readonly connection: string } {
  const name = `test_${randomBytes(6).toString('hex')}`
  beforeAll(() => asAdmin(client => client.query(`create database ${name} template template0 encoding 'UTF8'`)))
  afterAll(() => asAdmin(client => client.query(`drop database if exists ${name} with (force)`)))
  return {
    get connection() {
      return addressOf(name)
    },
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

async function asAdmin<T>(use: (client: pg.Client) => Promise<T>): Promise<T | undefined> {
  return address === null ? undefined : asClient(address, use)
}

function addressOf(database: string): string {
  const url = new URL(address!)
  url.pathname = `/${database}`
  return url.href
}
