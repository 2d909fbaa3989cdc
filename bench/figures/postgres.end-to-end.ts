import { atLeast, figure } from '../figure.js'
import { mainJob } from '../parts/main-job.js'
import { psqlCopy } from '../parts/psql.js'
import { copyLine, jsonLine } from '../parts/sales.js'
import { COPY_FILE, JSON_FILE, prepareSales, type SalesSetting, writingSide } from '../parts/sales-database.js'

export const postgresEndToEnd = figure<SalesSetting>({
  what: "the main job: a file of 300,000 lines → decode → validate → handle → rows, ledger on, against psql's \\copy of the finished rows",
  unit: 'records/s',
  prepare: resources => prepareSales(resources, { [JSON_FILE]: jsonLine, [COPY_FILE]: copyLine }),
  sides: {
    ours: setting => writingSide(setting, () => mainJob(setting).start().finished),
    copy: psqlCopy,
  },
  comparisons: [{ ours: 'ours', limit: 'copy', goal: atLeast(0.35) }],
})
