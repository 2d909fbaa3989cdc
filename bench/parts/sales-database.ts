import { once } from 'node:events'
import { createWriteStream } from 'node:fs'
import { chmod } from 'node:fs/promises'
import { join } from 'node:path'
import pg from 'pg'
import { type Options, perSecond, type Resources, type Side } from '../figure.js'
import { createSales, type SaleRow, saleAt } from './sales.js'

/** What the figures of Postgres give their sides. */
export interface SalesSetting {
  readonly address: string
  /** A file of the same rows, for psql's `\copy` or for filesSource. */
  readonly directory: string
  readonly rows: number
}

export const COPY_FILE = 'sales.copy'
export const JSON_FILE = 'sales.ndjson'

/** How many rows the figures write. */
export const rowsOf = ({ quick }: Options, rows = 300_000): number => (quick ? 6_000 : rows)

/** A database with an empty table of sales, and files of its rows. */
export async function prepareSales(
  resources: Resources,
  files: Readonly<Record<string, (sale: SaleRow) => string>>,
  rows = rowsOf(resources),
): Promise<SalesSetting> {
  const address = await resources.postgres()
  const directory = await resources.directory()
  const client = await connected(address)
  await client.query(createSales)
  await client.end()
  for (const [name, lineOf] of Object.entries(files)) await writeLines(join(directory, name), rows, lineOf)
  return { address, directory, rows }
}

async function writeLines(path: string, rows: number, lineOf: (sale: SaleRow) => string): Promise<void> {
  const file = createWriteStream(path)
  let text = ''
  for (let i = 0; i < rows; i++) {
    text += lineOf(saleAt(i))
    if (text.length < 1_000_000 && i < rows - 1) continue
    if (!file.write(text)) await once(file, 'drain')
    text = ''
  }
  file.end()
  await once(file, 'close')
  await chmod(path, 0o644)
}

/**
 * A side that writes the rows of the setting: `write` is what is measured. Before, all tables are emptied and the server's dirty pages written; after,
 * the rows are counted.
 */
export async function writingSide(
  { address, rows }: SalesSetting,
  write: () => Promise<unknown>,
  options: { readonly expected?: number; readonly close?: () => Promise<unknown> } = {},
): Promise<Side> {
  const client = await connected(address)
  return {
    async run() {
      await emptied(client)
      const rate = await perSecond(rows, write)
      await mustHold(client, options.expected ?? rows)
      return rate
    },
    async close() {
      await options.close?.()
      await client.end()
    },
  }
}

/** Empties all tables, and has the server write what it holds: no run pays for the one before. */
export async function emptied(client: pg.Client): Promise<void> {
  const { rows } = await client.query<{ name: string }>(`select quote_ident(tablename) as name from pg_tables where schemaname = 'public'`)
  await client.query(`truncate ${rows.map(({ name }) => name).join(', ')}`)
  await client.query('checkpoint')
}

/** Throws where the table of sales holds another number of rows. */
export async function mustHold(client: pg.Client, expected: number): Promise<void> {
  const { rows } = await client.query<{ count: string }>('select count(*) from sales')
  if (Number(rows[0]!.count) !== expected) throw new Error(`the table holds ${rows[0]!.count} rows, expected were ${expected}`)
}

/** A connection for whatever is not measured, and for the limits that pg sets. */
export async function connected(address: string): Promise<pg.Client> {
  const client = new pg.Client({ connectionString: address })
  await client.connect()
  return client
}
