import createKnex from 'knex'
import type { Side } from '../figure.js'
import { saleAt } from './sales.js'
import { type SalesSetting, writingSide } from './sales-database.js'

const ROWS = 1_000

/** What knex's users write: `insert(rows).onConflict('id')` of 1,000 rows a statement, on one connection. */
export function knexOnConflict(setting: SalesSetting, then: 'ignore' | 'merge'): Promise<Side> {
  const knex = createKnex({ client: 'pg', connection: setting.address, pool: { min: 1, max: 1 } })
  const write = async () => {
    for (let from = 0; from < setting.rows; from += ROWS) {
      const rows = Array.from({ length: Math.min(ROWS, setting.rows - from) }, (_, i) => saleAt(from + i))
      const insert = knex('sales').insert(rows).onConflict('id')
      await (then === 'ignore' ? insert.ignore() : insert.merge())
    }
  }
  return writingSide(setting, write, { close: () => knex.destroy() })
}
