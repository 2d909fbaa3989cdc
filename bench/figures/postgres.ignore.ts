import { atLeast, figure } from '../figure.js'
import { knexOnConflict } from '../parts/knex-on-conflict.js'
import { psqlCopy } from '../parts/psql.js'
import { copyLine } from '../parts/sales.js'
import { COPY_FILE, prepareSales, type SalesSetting } from '../parts/sales-database.js'
import { sinkAlone } from '../parts/sales-sink.js'

export const postgresIgnore = figure<SalesSetting>({
  what: "the sink alone, mode append with onDuplicate 'ignore' on two connections, 300,000 rows of 300 bytes into a table with a primary key, against psql's \\copy on one",
  unit: 'records/s',
  prepare: resources => prepareSales(resources, { [COPY_FILE]: copyLine }),
  sides: {
    ours: setting => sinkAlone(setting, { mode: 'append', onDuplicate: 'ignore' }),
    copy: psqlCopy,
    knex: setting => knexOnConflict(setting, 'ignore'),
  },
  comparisons: [
    { ours: 'ours', limit: 'copy', goal: atLeast(0.42) },
    {
      what: "the same against knex's onConflict().ignore() of 1,000 rows a statement on one connection",
      ours: 'ours',
      limit: 'knex',
      goal: atLeast(2.3),
    },
  ],
})
