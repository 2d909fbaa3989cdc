// What must compile, without a cast: `npm test` runs the compiler over it. Nothing here is executed.
import { Type } from '@sinclair/typebox'
import { type } from 'arktype'
import {
  BatchError,
  decode,
  defineConfig,
  definePipeline,
  type Envelope,
  type Fits,
  fanOut,
  filesSource,
  handle,
  type Incoming,
  join,
  kafkaSource,
  keep,
  memorySink,
  memorySource,
  type Operator,
  postgres,
  postgresQuarantine,
  postgresSink,
  quarantinedSource,
  type RecordContext,
  recordOperator,
  replay,
  route,
  type Sink,
  type Source,
  split,
  table,
  transform,
  validate,
  withRetry,
} from 'millrace'
import { runPipeline } from 'millrace/testing'
import { buffer, bufferTime, filter, from, interval, map, merge, mergeMap, type Observable } from 'rxjs'
import * as v from 'valibot'
import { z } from 'zod'
import {
  cached,
  httpSource,
  ingressClient,
  type ResultCache,
  type SessionStore,
  slice,
  splitCsv,
  tarballSink,
  toTrigger,
  trigger,
} from './later-parts.js'

const database = postgres({ connection: 'postgres://localhost/app' })
const quarantine = postgresQuarantine(database)
const signups = table(
  'signups',
  c => ({ id: c.bigint(), email: c.text(), plan: c.text().nullable(), seen: c.timestamptz().default({ sql: 'now()' }) }),
  { key: ['id'] },
)
const events = table('events', c => ({ id: c.integer(), body: c.jsonb(), tags: c.array(c.text()) }))
const ids = table('ids', c => ({ id: c.bigint() }))
const pairs = table('pairs', c => ({ id: c.text(), order: c.jsonb(), payment: c.jsonb() }), { key: ['id'] })

const kafka = kafkaSource({ brokers: ['broker:9092'], topics: ['signups'], groupId: 'signups' })
const files = filesSource({ paths: 'in/*.ndjson', format: 'ndjson' })
const exactlyOnce = postgresSink(database, signups, { mode: 'append', ledger: true })

const Signup = z.object({ id: z.number(), email: z.string(), plan: z.string().optional() })
type Signup = z.output<typeof Signup>
const toRow = (signup: Signup) => ({ id: signup.id, email: signup.email, plan: signup.plan ?? null })
async function lookUpAccount(signup: Signup, context: RecordContext) {
  context.signal.throwIfAborted()
  return { ...signup, plan: signup.plan ?? 'free' }
}

// the design's example
export const signupsPipeline = definePipeline({
  name: 'signups',
  source: kafka,
  steps: records =>
    records.pipe(
      decode('json'),
      validate(Signup),
      handle(withRetry(lookUpAccount, { maxAttempts: 3 }), { concurrency: 16, order: 'key' }),
      transform(toRow),
    ),
  sink: exactlyOnce,
  onFailure: quarantine,
})

// JSON Schema in place, and each library of the Standard Schema
export const jsonSchema = definePipeline({
  name: 'json-schema',
  source: files,
  steps: records =>
    records.pipe(
      decode('json'),
      validate({
        type: 'object',
        properties: { id: { type: 'integer' }, email: { type: 'string' }, plan: { type: 'string' } },
        required: ['id', 'email'],
        additionalProperties: false,
      }),
      transform(signup => ({ id: signup.id, email: signup.email, plan: signup.plan })),
    ),
  sink: postgresSink(database, signups, { mode: 'append', onDuplicate: 'ignore' }),
  onFailure: quarantine,
})
const StoredSchema = { type: 'object', properties: { id: { type: 'integer' } }, required: ['id'], additionalProperties: false } as const
export const storedSchema = definePipeline({
  name: 'stored-schema',
  source: files,
  steps: records => records.pipe(decode('json'), validate(StoredSchema)),
  sink: postgresSink(database, ids, { mode: 'append' }),
  onFailure: 'halt',
})
export const typebox = definePipeline({
  name: 'typebox',
  source: kafka,
  steps: records =>
    records.pipe(
      decode('json'),
      validate(Type.Object({ id: Type.Integer(), email: Type.String() })),
      transform(signup => ({ id: signup.id, email: signup.email })),
    ),
  sink: exactlyOnce,
  onFailure: 'halt',
})
export const arktype = definePipeline({
  name: 'arktype',
  source: kafka,
  steps: records => records.pipe(decode('json'), validate(type({ id: 'number', email: 'string' }))),
  sink: exactlyOnce,
  onFailure: 'halt',
})
export const valibot = definePipeline({
  name: 'valibot',
  source: kafka,
  steps: records => records.pipe(decode('json'), validate(v.object({ id: v.number(), email: v.string() }))),
  sink: exactlyOnce,
  onFailure: 'halt',
})

// the modes of the sink
export const upsert = definePipeline({
  name: 'upsert',
  source: kafka,
  steps: records => records.pipe(decode('json'), validate(Signup)),
  sink: postgresSink(database, signups, { mode: 'upsert', merge: ['email', 'plan'], ledger: true }),
  onFailure: quarantine,
})
export const update = definePipeline({
  name: 'update',
  source: files,
  steps: records => records.pipe(decode('json'), validate(Signup)),
  sink: postgresSink(postgres({ embedded: '.millrace/db' }), signups, { mode: 'update' }),
  onFailure: 'halt',
})

// named sources, joined over time
export const joined = definePipeline({
  name: 'joined',
  source: { orders: kafka, payments: httpSource({ port: 8080, path: '/payments' }) },
  steps: ({ orders, payments }, flow) =>
    merge(
      orders.pipe(
        decode('json'),
        validate(z.object({ id: z.string(), total: z.number() })),
        map(record => ({ kind: 'order' as const, record })),
      ),
      payments.pipe(
        decode('json'),
        validate(z.object({ id: z.string(), paid: z.number() })),
        map(record => ({ kind: 'payment' as const, record })),
      ),
    ).pipe(
      buffer(merge(interval(1000), flow.flushes)),
      mergeMap(all =>
        [...Map.groupBy(all, member => member.record.value.id)].map(([id, group]) =>
          join(
            group.map(member => member.record),
            {
              id,
              order: group.find(member => member.kind === 'order')?.record.value ?? null,
              payment: group.find(member => member.kind === 'payment')?.record.value ?? null,
            },
          ),
        ),
      ),
    ),
  sink: postgresSink(database, pairs, { mode: 'upsert' }),
  onFailure: quarantine,
})
export const grouped = definePipeline({
  name: 'grouped',
  source: { a: kafka, b: memorySource([new Uint8Array()]) },
  steps: ({ a, b }) =>
    merge(a.pipe(decode('text')), b.pipe(decode('text'))).pipe(
      bufferTime(1000),
      filter(group => group.length > 0),
      map(group => join(group, { id: group.length, body: group.map(record => record.value), tags: [] })),
    ),
  sink: postgresSink(database, events, { mode: 'append' }),
  onFailure: 'halt',
})
export const twoTypes = definePipeline({
  name: 'two-types',
  source: { a: kafka, b: filesSource({ paths: 'x', format: 'json' }) },
  steps: ({ a, b }) =>
    merge(
      a.pipe(
        decode('json'),
        validate(Signup),
        transform(signup => ({ to: 'signups', row: toRow(signup) }) as const),
      ),
      b.pipe(
        decode('text'),
        transform(text => ({ to: 'ids', row: { id: text.length } }) as const),
      ),
    ),
  sink: route({ signups: exactlyOnce, ids: postgresSink(database, ids, { mode: 'append' }) }),
  onFailure: 'halt',
})
export const twoTypesThenOne = definePipeline({
  name: 'two-types-then-one',
  source: { a: kafka, b: filesSource({ paths: ['x', 'y'], format: 'csv' }) },
  steps: ({ a, b }) =>
    merge(a.pipe(decode('json'), validate(Signup)), b.pipe(decode('text'))).pipe(
      handle(async (value: string | Signup) => ({ id: typeof value === 'string' ? value.length : value.id })),
    ),
  sink: postgresSink(database, ids, { mode: 'append' }),
  onFailure: 'halt',
})

// one record that becomes many
export const orders = definePipeline({
  name: 'orders',
  source: kafka,
  steps: records =>
    records.pipe(
      decode('json'),
      validate(z.object({ items: z.array(z.object({ sku: z.string(), n: z.number() })) })),
      split(order => order.items),
      handle(async (item, context) => ({ id: item.n, body: { sku: item.sku, attempt: context.attempt }, tags: [item.sku] }), {
        concurrency: 8,
        order: 'key',
        key: item => item.sku,
      }),
    ),
  sink: postgresSink(database, events, { mode: 'append', ledger: true }),
  onFailure: quarantine,
})
async function* rowsOf(part: { from: Date; to: Date }) {
  yield { host: 'a', at: part.from.toISOString() }
}
export const usage = definePipeline({
  name: 'usage',
  source: kafka,
  steps: records =>
    records.pipe(
      decode('json'),
      validate(z.object({ from: z.coerce.date(), to: z.coerce.date() })),
      slice({ by: window => window, every: 3_600_000 }),
      split(sliced => rowsOf(sliced.slice)),
      splitCsv({ maxBytes: 100 * 2 ** 20 }),
    ),
  sink: tarballSink({ upload: ingressClient({ url: 'https://ingress' }) }),
  onFailure: quarantine,
})

// parts to come
declare const store: SessionStore
export const sessions = definePipeline({
  name: 'sessions',
  source: kafka,
  steps: records =>
    records.pipe(
      decode('json'),
      validate(z.object({ upload: z.string(), event: z.string() })),
      toTrigger(event => ({ session: event.upload, fire: event.event })),
      trigger({ store, tasks: {} }),
      transform(transition => ({ id: 1, body: transition, tags: [transition.status] })),
    ),
  sink: postgresSink(database, events, { mode: 'append', ledger: true }),
  onFailure: quarantine,
})
declare const cache: ResultCache
export const fetched = definePipeline({
  name: 'fetched',
  source: kafka,
  steps: records =>
    records.pipe(
      decode('json'),
      validate(z.object({ id: z.number(), url: z.string() })),
      cached({
        operation: 'fetch',
        key: request => request.url,
        run: async (uri, context) => (await fetch(uri, { signal: context.signal })).text(),
        cache,
      }),
      transform(delivery => ({ id: delivery.request.id, body: delivery.result.length, tags: [delivery.via] })),
    ),
  sink: postgresSink(database, events, { mode: 'append' }),
  onFailure: quarantine,
})

// several sinks
export const routed = definePipeline({
  name: 'routed',
  source: kafka,
  steps: records =>
    records.pipe(
      decode('json'),
      validate(Signup),
      transform(signup =>
        signup.plan
          ? ({ to: 'signups', row: toRow(signup) } as const)
          : ({ to: 'events', row: { id: signup.id, body: signup, tags: [] } } as const),
      ),
    ),
  sink: route({ signups: exactlyOnce, events: postgresSink(database, events, { mode: 'append' }) }),
  onFailure: quarantine,
})
export const fanned = definePipeline({
  name: 'fanned',
  source: kafka,
  steps: records =>
    records.pipe(
      decode('json'),
      validate(Signup),
      transform(signup => ({ signups: toRow(signup), events: { id: signup.id, body: signup, tags: ['x'] } })),
    ),
  sink: fanOut({ signups: exactlyOnce, events: postgresSink(database, events, { mode: 'append' }) }),
  onFailure: quarantine,
})

// operators of one's own, plain RxJS
const onlyPaid: Operator<Signup, Signup & { plan: string }> = source =>
  source.pipe(
    filter((record): record is Envelope<Signup & { plan: string }> => {
      if (record.value.plan !== undefined) return true
      record.skip('free')
      return false
    }),
  )
const lower = <T extends { email: string }>(): Operator<T, T> =>
  map(record => record.with({ ...record.value, email: record.value.email.toLowerCase() }))
export const plainRxjs = definePipeline({
  name: 'plain-rxjs',
  source: kafka,
  steps: records =>
    records.pipe(
      decode('json'),
      validate(Signup),
      onlyPaid,
      lower(),
      keep(signup => signup.id > 0, 'no id'),
    ),
  sink: exactlyOnce,
  onFailure: 'halt',
})

// a source and a sink of one's own
function tailSource(lines: AsyncIterable<Uint8Array>): Source {
  return {
    name: 'tail',
    commits: 'prefix',
    async open(context) {
      const { from = 0 } = await context.assigned('0')
      const iterator = lines[Symbol.asyncIterator]()
      let position = from
      return {
        async read(limit) {
          const records: Incoming<Uint8Array>[] = []
          for (let bytes = 0; records.length < limit.records && bytes < limit.bytes; ) {
            const { value, done } = await iterator.next()
            if (done) return records.length > 0 ? records : null
            bytes += value.byteLength
            records.push({ value, position: position++ })
          }
          return records
        },
        async commit(done) {
          for (const { partition, next } of done) context.log.info(`settled ${partition} to ${next}`)
        },
        async close() {
          await iterator.return?.()
        },
      }
    },
  }
}
function webhookSink(url: string): Sink<{ readonly email: string }> {
  return {
    name: 'webhook',
    batch: { maxRecords: 100 },
    maxConcurrentWrites: 2,
    async open() {
      return {
        async write({ records }, signal) {
          const failed = new Map<number, unknown>()
          for (const [i, record] of records.entries()) {
            const answer = await fetch(url, { method: 'POST', body: record.value.email, signal })
            if (answer.status === 400) failed.set(i, new Error(await answer.text()))
            else if (!answer.ok) throw Object.assign(new Error(`status ${answer.status}`), { retryable: true })
          }
          if (failed.size > 0) throw new BatchError(failed)
        },
      }
    },
  }
}
declare const lines: AsyncIterable<Uint8Array>
export const own = definePipeline({
  name: 'own',
  source: tailSource(lines),
  steps: records => records.pipe(decode('json'), validate(Signup)),
  sink: webhookSink('https://hook'),
  onFailure: 'halt',
})

// the smallest parts that are complete
export const lineSource = (lines: readonly string[]): Source => ({
  name: 'lines',
  commits: 'prefix',
  async open() {
    let at = 0
    return {
      async read({ records }) {
        const batch = lines.slice(at, at + records).map((line, i) => ({ value: Buffer.from(line), position: at + i }))
        at += batch.length
        return batch.length > 0 ? batch : null
      },
    }
  },
})
export const consoleSink = (): Sink<unknown> => ({
  name: 'console',
  async open() {
    return {
      async write({ records }) {
        for (const { value } of records) console.log(value)
      },
    }
  },
})
export const changed = <T>() =>
  recordOperator<T, T>('changed', out => {
    let last: string | null = null
    return record => {
      if (record.key === last) return record.skip('unchanged')
      last = record.key
      out.next(record)
    }
  })
export const smallest = definePipeline({
  name: 'smallest',
  source: lineSource(['a']),
  steps: records => records.pipe(decode('text'), changed()),
  sink: consoleSink(),
  onFailure: 'halt',
  limits: { maxInFlight: 2000 },
})

// replays, memory, tests
export const replayed = replay(signupsPipeline, { from: quarantine, where: { stage: 'validate' } })
export const again = definePipeline({
  name: 'again',
  source: quarantinedSource(quarantine),
  steps: records => records.pipe(decode('json'), validate(Signup), transform(toRow)),
  sink: postgresSink(database, signups, { mode: 'upsert' }),
  onFailure: quarantine,
})
export const tried = runPipeline(signupsPipeline, ['{"id":1}', new Uint8Array()])
export const triedByName = runPipeline(joined, { orders: ['{}'], payments: [] })
export const inMemory = definePipeline({
  name: 'in-memory',
  source: memorySource([{ a: 1 }, { a: 2 }]),
  steps: records => records.pipe(transform(value => value.a)),
  sink: memorySink<number>(),
  onFailure: 'halt',
})
export const untouched = definePipeline({
  name: 'untouched',
  source: memorySource(['x']),
  steps: records => records,
  sink: memorySink(),
  onFailure: 'halt',
})

// skips, tombstones, bytes
export const skips = definePipeline({
  name: 'skips',
  source: kafka,
  steps: records =>
    records.pipe(
      decode('json'),
      validate(Signup),
      handle(async (signup, context) => {
        if (signup.id < 0) return context.skip('negative')
        return { ...signup, plan: await Promise.resolve('x') }
      }),
      transform((signup, context) => (signup.plan === '' ? context.skip('empty') : toRow(signup))),
    ),
  sink: exactlyOnce,
  onFailure: 'halt',
})
export const tombstones = definePipeline({
  name: 'tombstones',
  source: kafka,
  steps: records =>
    records.pipe(
      keep(value => value !== null, 'tombstone'),
      decode('text'),
      transform(text => ({ id: text.length })),
    ),
  sink: postgresSink(database, ids, { mode: 'append' }),
  onFailure: 'halt',
})
declare const bytes: Sink<Uint8Array>
export const intoBytes = definePipeline({
  name: 'into-bytes',
  source: kafka,
  steps: records =>
    records.pipe(
      decode('json'),
      validate(Signup),
      handle(withRetry(async (signup, context) => ({ ...signup, n: context.attempt }), { maxAttempts: 3 })),
      transform(signup => Buffer.from(JSON.stringify(signup))),
    ),
  sink: bytes,
  onFailure: 'halt',
})
export const csvRows = definePipeline({
  name: 'csv-rows',
  source: kafka,
  steps: records =>
    records.pipe(
      decode('csv'),
      mergeMap(record => from([record])),
      keep(row => row !== null, 'tombstone'),
      handle(row => ({ id: Number(row['id']), email: row['email'] ?? '', seen: new Date() }), { order: 'source' }),
    ),
  sink: exactlyOnce,
  onFailure: 'halt',
})

// a generic helper
export function guarded<T>(sink: Fits<T, Sink<T>>, steps: (records: Observable<Envelope<Uint8Array | null>>) => Observable<Envelope<T>>) {
  return definePipeline<Source<Uint8Array | null>, Sink<T>, Envelope<T>>({ name: 'guarded', source: kafka, steps, sink, onFailure: 'halt' })
}
export const guardedIds = guarded(memorySink<{ id: number }>(), records =>
  records.pipe(decode('json'), validate(z.object({ id: z.number() }))),
)

// a config: ready-made pipelines, modules, a pipeline in code
export const config = defineConfig({
  pipelines: {
    files: {
      use: 'files-to-postgres',
      paths: ['a', 'b'],
      format: 'csv',
      schema: { type: 'object' },
      table: {
        name: 'files',
        columns: { id: { type: 'integer', key: true }, tags: 'text[]', at: { type: 'timestamptz', default: { sql: 'now()' } } },
      },
      database: { embedded: 'db' },
      write: { mode: 'upsert', merge: ['tags'], batch: { maxRecords: 5 } },
      limits: { stopAt: { failures: 3, withinMs: 1_000 } },
    },
    topic: {
      use: 'topic-to-postgres',
      from: { brokers: 'a:1', topics: '/^a/', groupId: 'g', sasl: { mechanism: 'plain', username: 'u', password: 'p' } },
      table: { name: 'topic', columns: { id: 'bigint' } },
      database: { connection: 'postgres://localhost' },
    },
    module: { use: './pipeline.ts', options: { any: ['thing'] } },
    package: { use: 'some-package' },
    'csv-rows': csvRows,
  },
  monitoring: { port: 0 },
  log: { level: 'warn', format: 'json' },
  restart: { maxInARow: 3 },
  hints: ['x'],
})
