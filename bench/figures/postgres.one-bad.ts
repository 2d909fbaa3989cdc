import { atLeast, figure, type Side } from '../figure.js'
import { type SaleRow, saleAt } from '../parts/sales.js'
import { connected, prepareSales, type SalesSetting, writingSide } from '../parts/sales-database.js'
import { sinkAlone } from '../parts/sales-sink.js'

const BATCH = 3_000
const BAD = 1_234
/** Ours writes many batches, so that opening and closing, which row by row does without, do not weigh more than they do in a run. */
const BATCHES = 20

const rowAt = (index: number): SaleRow => (index % BATCH === BAD ? { ...saleAt(index), quantity: 0 } : saleAt(index))

const INSERT = {
  name: 'one sale',
  text: 'insert into sales (id, customer, email, product, quantity, amount, sold_at, note) values ($1, $2, $3, $4, $5, $6, $7, $8)',
}

/**
 * Row by row: the next best way to find the one bad row. A named statement, so that the server plans it once.
 *
 * @param inTransaction - All in one transaction with a savepoint a row, in place of a commit a row: as atomic as ours, and without the disk's wait.
 */
async function rowByRow(setting: SalesSetting, inTransaction: boolean): Promise<Side> {
  const client = await connected(setting.address)
  const insert = async (index: number): Promise<boolean> => {
    const { id, customer, email, product, quantity, amount, sold_at, note } = rowAt(index)
    try {
      await client.query({ ...INSERT, values: [id, customer, email, product, quantity, amount, sold_at, note] })
      return true
    } catch (error) {
      if ((error as { code?: unknown }).code !== '23514') throw error
      return false
    }
  }
  const write = async () => {
    if (inTransaction) await client.query('begin')
    for (let i = 0; i < BATCH; i++) {
      if (inTransaction) await client.query('savepoint row')
      const isIn = await insert(i)
      if (inTransaction) await client.query(isIn ? 'release row' : 'rollback to row')
    }
    if (inTransaction) await client.query('commit')
  }
  return writingSide({ ...setting, rows: BATCH }, write, { expected: BATCH - 1, close: () => client.end() })
}

export const postgresOneBad = figure<SalesSetting>({
  what: 'batches of 3,000 rows, each with one that a constraint refuses, quarantine and ledger included, against row by row, each its own commit',
  unit: 'records/s',
  prepare: resources => prepareSales(resources, {}, BATCH * (resources.quick ? 1 : BATCHES)),
  sides: {
    ours: setting =>
      sinkAlone(setting, { mode: 'append', ledger: true, batch: { maxRecords: BATCH } }, rowAt, (setting.rows / BATCH) * (BATCH - 1)),
    commits: setting => rowByRow(setting, false),
    savepoints: setting => rowByRow(setting, true),
  },
  comparisons: [
    { ours: 'ours', limit: 'commits', goal: atLeast(15) },
    { what: 'the same against row by row in one transaction, a savepoint each', ours: 'ours', limit: 'savepoints', goal: atLeast(15) },
  ],
})
