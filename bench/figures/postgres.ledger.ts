import {
  decode,
  definePipeline,
  filesSource,
  type PostgresSinkOptions,
  postgres,
  postgresQuarantine,
  postgresSink,
  transform,
} from 'millrace'
import { atLeast, figure, type Side } from '../figure.js'
import { jsonLine, type SaleRow, sales } from '../parts/sales.js'
import { JSON_FILE, prepareSales, type SalesSetting, writingSide } from '../parts/sales-database.js'
import { nextName } from '../parts/sales-sink.js'

function fromFile(setting: SalesSetting, options: PostgresSinkOptions<typeof sales.columns, 'id'>): Promise<Side> {
  const database = postgres({ connection: setting.address })
  return writingSide(
    setting,
    () =>
      definePipeline({
        name: nextName(),
        source: filesSource({ root: setting.directory, paths: JSON_FILE, format: 'ndjson' }),
        steps: lines =>
          lines.pipe(
            decode('json'),
            transform(value => value as SaleRow),
          ),
        sink: postgresSink(database, sales, options),
        onFailure: postgresQuarantine(database),
      }).start().finished,
  )
}

export const postgresLedger = figure<SalesSetting>({
  what: 'one file of 300,000 lines, decoded and appended on two connections: with the ledger against without',
  unit: 'records/s',
  prepare: resources => prepareSales(resources, { [JSON_FILE]: jsonLine }),
  sides: {
    on: setting => fromFile(setting, { mode: 'append', ledger: true }),
    off: setting => fromFile(setting, { mode: 'append', onDuplicate: 'quarantine' }),
  },
  comparisons: [{ ours: 'on', limit: 'off', goal: atLeast(0.85) }],
})
