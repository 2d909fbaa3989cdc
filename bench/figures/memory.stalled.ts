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
/** What a source reads at a time. */
const MAX_CHUNK = 1024 * 1024
const stallMs = ({ quick }: Options) => (quick ? 15_000 : 60_000)

/** Records of `bytes` as fast as they are taken, without end: each read gives the parts of one new chunk, as what comes from a socket or a file. */
function endless(bytes: number): Source {
  const { id: _, ...rest } = saleAt(0)
  const id = '{"id":000000000000,'
  const note = 'x'.repeat(bytes - id.length - JSON.stringify({ ...rest, note: '' }).length + 1)
  const model = Buffer.from(id + JSON.stringify({ ...rest, note }).slice(1))
  return {
    name: 'endless',
    commits: 'prefix',
    async open() {
      let at = 0
      return {
        async read({ records, bytes: room }) {
          const count = Math.max(1, Math.min(records, Math.floor(Math.min(room, MAX_CHUNK) / bytes)))
          const chunk = Buffer.allocUnsafeSlow(count * model.byteLength)
          const batch: Incoming<Uint8Array>[] = []
          for (let i = 0; i < count; i++, at++) {
            const from = i * model.byteLength
            model.copy(chunk, from)
            // A JSON number begins with no zero: 1 and the position behind it.
            chunk.write(`1${`${at}`.padStart(11, '0')}`, from + 6, 'latin1')
            batch.push({ value: chunk.subarray(from, from + model.byteLength), position: at })
          }
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
