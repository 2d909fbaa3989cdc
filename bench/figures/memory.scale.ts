import { figure, type Options, type Side, within } from '../figure.js'
import { mainJob } from '../parts/main-job.js'
import { peakResidentMb } from '../parts/memory.js'
import { jsonLine } from '../parts/sales.js'
import { connected, emptied, JSON_FILE, prepareSales, type SalesSetting } from '../parts/sales-database.js'

const few = ({ quick }: Options) => (quick ? 3_000 : 100_000)
const many = (options: Options) => 10 * few(options)

interface Setting {
  readonly few: SalesSetting
  readonly many: SalesSetting
}

async function peakOf(setting: SalesSetting): Promise<Side> {
  const client = await connected(setting.address)
  await emptied(client)
  await client.end()
  return {
    async run() {
      const { delivered } = await mainJob(setting).start().finished
      if (delivered !== setting.rows) throw new Error(`${delivered} of ${setting.rows} were delivered`)
      return peakResidentMb()
    },
  }
}

export const memoryScale = figure<Setting>({
  what: 'the largest memory of a process that does the main job (file → Postgres, ledger on): 1,000,000 records against 100,000',
  unit: 'MB',
  prepare: async resources => ({
    few: await prepareSales(resources, { [JSON_FILE]: jsonLine }, few(resources)),
    many: await prepareSales(resources, { [JSON_FILE]: jsonLine }, many(resources)),
  }),
  sides: { many: setting => peakOf(setting.many), few: setting => peakOf(setting.few) },
  fresh: true,
  warmUps: 0,
  comparisons: [{ ours: 'many', limit: 'few', goal: within(40, 'MB') }],
})
