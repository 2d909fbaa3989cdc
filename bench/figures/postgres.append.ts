import { atLeast, figure } from '../figure.js'
import { multiRowValues } from '../parts/multi-row-values.js'
import { psqlCopy } from '../parts/psql.js'
import { copyLine } from '../parts/sales.js'
import { COPY_FILE, prepareSales, type SalesSetting } from '../parts/sales-database.js'
import { sinkAlone } from '../parts/sales-sink.js'

export const postgresAppend = figure<SalesSetting>({
  what: "the sink alone, mode append on two connections, 300,000 rows of 300 bytes into a table with a primary key, against psql's \\copy on one",
  unit: 'records/s',
  prepare: resources => prepareSales(resources, { [COPY_FILE]: copyLine }),
  sides: {
    ours: setting => sinkAlone(setting, { mode: 'append', onDuplicate: 'quarantine' }),
    copy: psqlCopy,
    values: multiRowValues,
  },
  comparisons: [
    { ours: 'ours', limit: 'copy', goal: atLeast(0.7) },
    {
      what: 'the same against unnamed multi-row VALUES of 1,000 rows by pg on one connection',
      ours: 'ours',
      limit: 'values',
      goal: atLeast(2.5),
    },
  ],
})
