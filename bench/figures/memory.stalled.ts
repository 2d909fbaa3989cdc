import { setTimeout as pause } from 'node:timers/promises'
import {
  decode,
  definePipeline,
  handle,
  type Incoming,
  type Pipeline,
  postgres,
  postgresQuarantine,
  postgresSink,
  type Source,
  validate,
} from 'millrace'
import type pg from 'pg'
import { below, figure, type Measured, type Options, type Side } from '../figure.js'
import { median } from '../measure.js'
import { residentMb } from '../parts/memory.js'
import { Sale, type SaleRow, saleAt, sales } from '../parts/sales.js'
import { connected, prepareSales, type SalesSetting } from '../parts/sales-database.js'

/** How long records flow before, so that what a run needs anyway is there. */
const FLOW_MS = 5_000
const SAMPLE_MS = 100
const stallMs = ({ quick }: Options) => (quick ? 15_000 : 60_000)

/** Records of `bytes` as fast as they are taken, without end: each new bytes, as from a socket, and nothing else made for them. */
function endless(bytes: number): Source {
  const { id: _, ...rest } = saleAt(0)
  const empty = JSON.stringify({ ...rest, note: '' }).slice(1)
  const tail = Buffer.from(JSON.stringify({ ...rest, note: 'x'.repeat(bytes - empty.length - 16) }).slice(1))
  return {
    name: 'endless',
    commits: 'prefix',
    async open() {
      let at = 0
      return {
        async read({ records, bytes: room }) {
          const batch: Incoming<Uint8Array>[] = []
          for (let sum = 0; batch.length < records && sum < room; sum += bytes, at++)
            batch.push({ value: Buffer.concat([Buffer.from(`{"id":${at},`), tail]), position: at })
          // A turn for timers: a source that never waits for anything would else sample no memory.
          await new Promise(resolve => setImmediate(resolve))
          return batch
        },
      }
    },
  }
}

function pipelineOf({ address }: SalesSetting, bytes: number): Pipeline {
  const database = postgres({ connection: address })
  return definePipeline({
    name: `stalled ${bytes}`,
    source: endless(bytes),
    steps: records =>
      records.pipe(
        decode('json'),
        validate(Sale),
        handle((sale): SaleRow => ({ ...sale, email: sale.email.toLowerCase() })),
      ),
    sink: postgresSink(database, sales, { mode: 'append', ledger: true }),
    onFailure: postgresQuarantine(database),
  })
}

/** Holds the table's lock while the source goes on at full speed. */
async function stalled(setting: SalesSetting, bytes: number, ms: number): Promise<Measured> {
  const client = await connected(setting.address)
  await client.query('truncate sales')
  const run = pipelineOf(setting, bytes).start()
  run.finished.catch(() => {})
  try {
    await until(() => run.snapshot().delivered > 0, 30_000)
    await pause(FLOW_MS)
    await client.query('begin; lock table sales in access exclusive mode')
    const { delivered } = run.snapshot()
    const samples = await sampled(ms)
    if (run.snapshot().delivered > delivered + 20_000) throw new Error('the sink was not stalled')
    await goesOn(client, () => run.snapshot().delivered > delivered + 20_000)
    await run.stop()
    const third = Math.floor(samples.length / 3)
    return { peak: Math.max(...samples), growth: median(samples.slice(-third)) - median(samples.slice(0, third)) }
  } finally {
    await run.abort()
    await client.end()
  }
}

async function sampled(ms: number): Promise<number[]> {
  const samples: number[] = []
  for (const end = performance.now() + ms; performance.now() < end; await pause(SAMPLE_MS)) samples.push(residentMb())
  return samples
}

async function goesOn(client: pg.Client, isGoing: () => boolean): Promise<void> {
  await client.query('rollback')
  await until(isGoing, 60_000)
}

async function until(isSo: () => boolean, withinMs: number): Promise<void> {
  for (const end = performance.now() + withinMs; !isSo(); await pause(SAMPLE_MS))
    if (performance.now() > end) throw new Error(`nothing was delivered within ${withinMs} ms`)
}

const side =
  (bytes: number) =>
  (setting: SalesSetting, options: Options): Side => ({ run: () => stalled(setting, bytes, stallMs(options)) })

const MAX_MB = 200
/** What counts as flat. */
const MAX_GROWTH_MB = 10

export const memoryStalled = figure<SalesSetting>({
  what: 'the largest memory of a process whose table is locked for 60 s under a source at full speed, records of 300 bytes',
  unit: 'MB',
  prepare: resources => prepareSales(resources, {}),
  sides: { small: side(300), large: side(16 * 1024) },
  fresh: true,
  runs: 1,
  warmUps: 0,
  comparisons: [
    { ours: 'small.peak', limit: MAX_MB, goal: below('MB') },
    { what: 'the same with records of 16 KB', ours: 'large.peak', limit: MAX_MB, goal: below('MB') },
    {
      what: 'from the first third of the stall to the last, records of 300 bytes',
      ours: 'small.growth',
      limit: MAX_GROWTH_MB,
      goal: below('MB'),
    },
    {
      what: 'from the first third of the stall to the last, records of 16 KB',
      ours: 'large.growth',
      limit: MAX_GROWTH_MB,
      goal: below('MB'),
    },
  ],
})
