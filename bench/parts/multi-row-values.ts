import type { Side } from '../figure.js'
import { type SaleRow, saleAt } from './sales.js'
import { connected, type SalesSetting, writingSide } from './sales-database.js'

const ROWS = 1_000
const COLUMNS = [
  'id',
  'customer',
  'email',
  'product',
  'quantity',
  'amount',
  'sold_at',
  'note',
] as const satisfies readonly (keyof SaleRow)[]

/** What many write by hand: `insert into … values (…), (…)` of 1,000 rows a statement, unnamed, a parameter a cell, by pg on one connection. */
export async function multiRowValues(setting: SalesSetting): Promise<Side> {
  const client = await connected(setting.address)
  const write = async () => {
    for (let from = 0; from < setting.rows; from += ROWS) {
      const to = Math.min(from + ROWS, setting.rows)
      const values: unknown[] = []
      const tuples: string[] = []
      for (let i = from; i < to; i++) {
        const sale = saleAt(i)
        tuples.push(`(${COLUMNS.map(column => `$${values.push(sale[column])}`).join(', ')})`)
      }
      await client.query(`insert into sales (${COLUMNS.join(', ')}) values ${tuples.join(', ')}`, values)
    }
  }
  return writingSide(setting, write, { close: () => client.end() })
}
