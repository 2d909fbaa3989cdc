// The process that is killed: files → decode → validate → handle → split → Postgres with ledger, and its quarantine in the same database. The points
// are reached through the public contracts, by a source, a handler and a sink around the real ones; the product knows nothing of them.
import {
  decode,
  definePipeline,
  filesSource,
  handle,
  type Prefix,
  postgres,
  postgresQuarantine,
  postgresSink,
  replay,
  type Sink,
  type SinkSession,
  type SourceOf,
  type SourceSession,
  split,
  table,
  validate,
} from 'millrace'
import type { Point, Task } from './task.js'
import { type Order, rowsOf } from './workload.js'

const task = JSON.parse(process.env['MILLRACE_CHAOS'] ?? '{}') as Task

let times = 0
function reached(point: Point): void {
  if (task.killAt?.point === point && ++times === task.killAt.after) process.kill(process.pid, 'SIGKILL')
}

const database = postgres({ connection: task.connection })
const lines = table('lines', c => ({ order_id: c.bigint(), line: c.integer(), account: c.text(), amount: c.integer() }))

const order = {
  type: 'object',
  properties: {
    id: { type: 'integer' },
    account: { type: 'string' },
    kind: { enum: ['good', 'unhandled', 'skipped', 'unfit', 'refused'] },
    amounts: { type: 'array', items: { type: 'integer' } },
  },
  required: ['id', 'account', 'kind', 'amounts'],
  additionalProperties: false,
} as const

const pipeline = definePipeline({
  name: 'orders',
  source: watchedSource(filesSource({ paths: '*', format: 'ndjson', root: task.root })),
  steps: records =>
    records.pipe(
      decode('json'),
      validate(order),
      handle(
        async (given, context) => {
          await Promise.resolve()
          if (given.kind === 'unhandled' && !task.isMended) throw new Error('the handler refuses it')
          reached('handled')
          return given.kind === 'skipped' ? context.skip('not wanted') : given
        },
        { concurrency: 8, order: 'key', key: given => given.account },
      ),
      split(given => rowsOf(given as Order)),
    ),
  sink: watchedSink(postgresSink(database, lines, { mode: 'append', ledger: true, batch: { maxRecords: 40, maxWaitMs: 20 } })),
  onFailure: postgresQuarantine(database),
})

const run = task.mode === 'run' ? pipeline.start() : replay(pipeline, { from: postgresQuarantine(database) })
console.log(JSON.stringify(await run.finished))
await database.close()

function watchedSource(source: SourceOf<Uint8Array, 'prefix', Prefix>): SourceOf<Uint8Array, 'prefix', Prefix> {
  return {
    ...source,
    async open(context) {
      const session: SourceSession<Uint8Array, Prefix> = await source.open(context)
      return {
        async read(limit, signal) {
          const records = await session.read({ ...limit, records: Math.min(limit.records, 64) }, signal)
          reached('read')
          return records
        },
        async commit(done) {
          reached('before the commit to the source')
          await session.commit?.(done)
          reached('after the commit to the source')
        },
        ...(session.fenced && { fenced: (partition: string) => session.fenced?.(partition) }),
        ...(session.close && { close: () => session.close!() }),
      }
    },
  }
}

function watchedSink<S extends Sink<never>>(sink: S): S {
  return {
    ...sink,
    async open(context) {
      const session: SinkSession<never> = await sink.open(context)
      return {
        takeOver: session.takeOver?.bind(session),
        check: session.check?.bind(session),
        async write(batch, signal) {
          reached('before the write')
          const held = await session.write(batch, signal)
          reached('after the write')
          return held
        },
        flush: session.flush?.bind(session),
        close: session.close?.bind(session),
      } as SinkSession<never>
    },
  }
}
