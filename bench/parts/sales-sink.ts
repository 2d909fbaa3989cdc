import { definePipeline, type PostgresSinkOptions, postgres, postgresQuarantine, postgresSink } from 'millrace'
import type { Side } from '../figure.js'
import { generatedSource } from './generated-source.js'
import { type SaleRow, saleAt, sales } from './sales.js'
import { type SalesSetting, writingSide } from './sales-database.js'

let runs = 0

/** Another name for each run: a ledger would else say that all is delivered. */
export const nextName = (): string => `bench ${process.pid} ${runs++}`

/**
 * Ours, the sink alone: rows that are ready, no steps, two connections. What is measured is the whole run, opening and closing included.
 *
 * @param rowOf - Makes the rows; default the sales as they are.
 * @param delivered - How many of them end in the table.
 */
export function sinkAlone(
  setting: SalesSetting,
  options: PostgresSinkOptions<typeof sales.columns, 'id'>,
  rowOf: (index: number) => SaleRow = saleAt,
  delivered = setting.rows,
): Promise<Side> {
  const database = postgres({ connection: setting.address })
  const write = async () => {
    const summary = await definePipeline({
      name: nextName(),
      source: generatedSource(setting.rows, rowOf, 300),
      steps: rows => rows,
      sink: postgresSink(database, sales, options),
      onFailure: postgresQuarantine(database),
    }).start().finished
    if (summary.delivered !== delivered || summary.quarantined !== setting.rows - delivered)
      throw new Error(`${summary.delivered} delivered, ${summary.quarantined} quarantined, expected were ${delivered} of ${setting.rows}`)
  }
  return writingSide(setting, write, { expected: delivered })
}
