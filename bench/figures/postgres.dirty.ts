import { atLeast, figure } from '../figure.js'
import { type SaleRow, saleAt } from '../parts/sales.js'
import { prepareSales, type SalesSetting } from '../parts/sales-database.js'
import { sinkAlone } from '../parts/sales-sink.js'

/** One in a thousand, not at the same place of every batch. */
const isDirty = (index: number) => (index * 7_919) % 1_000 === 17

/** In turn wrong by type, null, NUL and range: what the sink sees before it sends the row. */
function wrongAt(index: number): SaleRow {
  const sale = saleAt(index)
  if (!isDirty(index)) return sale
  const wrong: readonly object[] = [{ quantity: 'many' }, { customer: null }, { note: 'a\0b' }, { quantity: 2 ** 31 }]
  return { ...sale, ...wrong[Math.floor(index / 1_000) % wrong.length] }
}

/** What only the server refuses: its constraint says quantity > 0. */
function refusedAt(index: number): SaleRow {
  const sale = saleAt(index)
  return isDirty(index) ? { ...sale, quantity: 0 } : sale
}

const clean = ({ rows }: SalesSetting) => rows - Array.from({ length: rows }, (_, i) => i).filter(isDirty).length

export const postgresDirty = figure<SalesSetting>({
  what: 'the sink alone, mode append, ledger on: 300,000 rows of which 0.1 % are wrong by type, null, NUL or range, against clean rows',
  unit: 'records/s',
  prepare: resources => prepareSales(resources, {}),
  sides: {
    wrong: setting => sinkAlone(setting, { mode: 'append', ledger: true }, wrongAt, clean(setting)),
    clean: setting => sinkAlone(setting, { mode: 'append', ledger: true }),
    refused: setting => sinkAlone(setting, { mode: 'append', ledger: true }, refusedAt, clean(setting)),
  },
  comparisons: [
    { ours: 'wrong', limit: 'clean', goal: atLeast(0.8) },
    { what: 'the same with 0.1 % of the rows refused by a constraint of the server', ours: 'refused', limit: 'clean', goal: atLeast(0.25) },
  ],
})
