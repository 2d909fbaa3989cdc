// What must not compile. Above each case stands what it is and, after `→`, the first line of what the compiler says; must-not-compile.test.ts holds the two
// together. `MILLRACE_PIN=1 npx vitest run test/types` writes the messages anew: read the difference, for people read these messages.
import { type Batch, decode, defineConfig, definePipeline, handle, kafkaSource, keep, memorySink, memorySource, postgres, postgresSink, route, type Sink, split, table, transform, validate } from 'millrace'
import { runPipeline } from 'millrace/testing'
import { map } from 'rxjs'
import { z } from 'zod'
import { ingressClient, tarballSink, trigger } from './later-parts.js'

const database = postgres({ connection: '' })
const signups = table('signups', c => ({ id: c.bigint(), email: c.text(), plan: c.text().nullable() }), { key: ['id'] })
const plain = table('plain', c => ({ id: c.bigint(), email: c.text(), body: c.jsonb() }))
const wide = table('wide', c => ({ id: c.bigint(), a: c.text(), b: c.text(), c: c.text(), d: c.timestamptz(), e: c.timestamptz(), f: c.jsonb(), g: c.numeric(), h: c.text().nullable() }))
const Signup = z.object({ id: z.number(), email: z.string(), plan: z.string().optional() })
const source = kafkaSource({ brokers: ['b'], topics: ['t'], groupId: 'g' })
const sink = postgresSink(database, signups, { mode: 'append', ledger: true })
declare const bytes: Sink<Uint8Array>
const name = 'p'
const onFailure = 'halt'

// rows and columns

// unknown column
// → TS2322 Type 'TableSink<{ readonly email: string; readonly id: number | bigint; readonly plan?: string | null | undefined; }>' is not assignable to type '"column is not in the table: emial"'.
definePipeline({ name, source, steps: r => r.pipe(decode('json'), validate(Signup), transform(s => ({ ...s, emial: 'x' }))), sink, onFailure })

// missing column
// → TS2322 Type 'TableSink<{ readonly email: string; readonly id: number | bigint; readonly plan?: string | null | undefined; }>' is not assignable to type '"column is missing: email"'.
definePipeline({ name, source, steps: r => r.pipe(decode('json'), validate(Signup), transform(s => ({ id: s.id }))), sink, onFailure })

// column of another type
// → TS2739 Type 'TableSink<{ readonly email: string; readonly id: number | bigint; readonly plan?: string | null | undefined; }>' is missing the following properties from type '{ readonly 'column has another type': "id"; readonly given: string; readonly wanted: number | bigint; }': 'column has another type', given, wanted
definePipeline({ name, source, steps: r => r.pipe(decode('json'), validate(Signup), transform(s => ({ id: s.email, email: s.email }))), sink, onFailure })

// null into a column that takes none
// → TS2739 Type 'TableSink<{ readonly email: string; readonly id: number | bigint; readonly plan?: string | null | undefined; }>' is missing the following properties from type '{ readonly 'column has another type': "email"; readonly given: string | null; readonly wanted: string; }': 'column has another type', given, wanted
definePipeline({ name, source, steps: r => r.pipe(decode('json'), validate(Signup), transform(s => ({ id: s.id, email: s.plan ?? null }))), sink, onFailure })

// optional into a required column
// → TS2739 Type 'TableSink<{ readonly email: string; readonly id: number | bigint; readonly plan?: string | null | undefined; }>' is missing the following properties from type '{ readonly 'column has another type': "email"; readonly given: string | undefined; readonly wanted: string; }': 'column has another type', given, wanted
definePipeline({ name, source, steps: r => r.pipe(decode('json'), validate(z.object({ id: z.number(), email: z.string().optional() }))), sink, onFailure })

// unknown column in one branch only
// → TS2322 Type 'TableSink<{ readonly email: string; readonly id: number | bigint; readonly plan?: string | null | undefined; }>' is not assignable to type '"column is not in the table: emial"'.
definePipeline({ name, source, steps: r => r.pipe(decode('json'), validate(Signup), transform(s => s.id > 1 ? { id: 1, email: '' } : { id: 1, email: '', emial: '' })), sink, onFailure })

// column of another type in a wide table
// → TS2739 Type 'TableSink<{ readonly a: string; readonly b: string; readonly c: string; readonly d: string | Date; readonly e: string | Date; readonly f: unknown; readonly g: string | number | bigint; readonly h?: string | ... 1 more ... | undefined; readonly id: number | bigint; }>' is missing the following properties from type '{ readonly 'column has another type': "a"; readonly given: number; readonly wanted: string; }': 'column has another type', given, wanted
definePipeline({ name, source, steps: r => r.pipe(decode('json'), validate(Signup), transform(s => ({ id: s.id, a: 1, b: '', c: '', d: new Date(), e: new Date(), f: {}, g: 1 }))), sink: postgresSink(database, wide, { mode: 'append' }), onFailure })

// required jsonb left out
// → TS2322 Type 'TableSink<{ readonly body: unknown; readonly email: string; readonly id: number | bigint; }>' is not assignable to type '"column is missing: body"'.
definePipeline({ name, source, steps: r => r.pipe(decode('json'), validate(Signup), transform(s => ({ id: s.id, email: s.email }))), sink: postgresSink(database, plain, { mode: 'append' }), onFailure })

// unknown straight into a table
// → TS2739 Type 'TableSink<{ readonly email: string; readonly id: number | bigint; readonly plan?: string | null | undefined; }>' is missing the following properties from type '{ readonly 'the sink takes rows': { readonly email: string; readonly id: number | bigint; readonly plan?: string | null | undefined; }; readonly given: unknown; }': 'the sink takes rows', given
definePipeline({ name, source, steps: r => r.pipe(decode('json')), sink, onFailure })

// a record of anything into a table
// → TS2739 Type 'TableSink<{ readonly email: string; readonly id: number | bigint; readonly plan?: string | null | undefined; }>' is missing the following properties from type '{ readonly 'column has another type': "id"; readonly given: string; readonly wanted: number | bigint; }': 'column has another type', given, wanted
definePipeline({ name, source, steps: r => r.pipe(decode('json'), validate(z.record(z.string(), z.string()))), sink, onFailure })

// an open JSON Schema straight into a table
// → TS2322 Type 'TableSink<{ readonly email: string; readonly id: number | bigint; readonly plan?: string | null | undefined; }>' is not assignable to type '"the schema lets unknown fields pass: additionalProperties: false, or choose the columns in transform"'.
definePipeline({ name, source, steps: r => r.pipe(decode('json'), validate({ type: 'object', properties: { id: { type: 'integer' }, email: { type: 'string' } }, required: ['id', 'email'] })), sink, onFailure })

// a primitive into a table
// → TS2322 Type 'TableSink<{ readonly email: string; readonly id: number | bigint; readonly plan?: string | null | undefined; }>' is not assignable to type '{ readonly 'the sink takes rows': { readonly email: string; readonly id: number | bigint; readonly plan?: string | null | undefined; }; readonly given: null; } | { readonly 'the sink takes rows': { ...; }; readonly given: string; }'.
definePipeline({ name, source, steps: r => r.pipe(decode('text')), sink, onFailure })

// objects into a sink of bytes
// → TS2739 Type 'Sink<Uint8Array<ArrayBufferLike>>' is missing the following properties from type '{ readonly 'the sink takes': Uint8Array<ArrayBufferLike>; readonly given: { id: number; email: string; plan?: string | undefined; }; }': 'the sink takes', given
definePipeline({ name, source, steps: r => r.pipe(decode('json'), validate(Signup)), sink: bytes, onFailure })

// rows into tarballs without splitCsv
// → TS2739 Type 'Sink<CsvPiece>' is missing the following properties from type '{ readonly 'the sink takes': CsvPiece; readonly given: { id: number; email: string; plan?: string | undefined; }; }': 'the sink takes', given
definePipeline({ name, source, steps: r => r.pipe(decode('json'), validate(Signup)), sink: tarballSink({ upload: ingressClient({ url: '' }) }), onFailure })

// route to a sink that is not there
// → TS2322 Type 'RouteSink<{ readonly signups: TableSink<{ readonly email: string; readonly id: number | bigint; readonly plan?: string | null | undefined; }>; }>' is not assignable to type '"route has no sink of this name: signup"'.
definePipeline({ name, source, steps: r => r.pipe(decode('json'), validate(Signup), transform(s => ({ to: 'signup', row: s }) as const)), sink: route({ signups: sink }), onFailure })

// route with an unknown column inside
// → TS2322 Type 'RouteSink<{ readonly signups: TableSink<{ readonly email: string; readonly id: number | bigint; readonly plan?: string | null | undefined; }>; }>' is not assignable to type '"column is not in the table: emial"'.
definePipeline({ name, source, steps: r => r.pipe(decode('json'), validate(Signup), transform(s => ({ to: 'signups', row: { ...s, emial: 1 } }) as const)), sink: route({ signups: sink }), onFailure })

// a session whose write takes more than the sink is given
// → TS2322 Type 'Promise<{ write: (_: Batch<{ a: number; extra: string; }>) => Promise<void>; }>' is not assignable to type 'Promise<SinkSession<{ a: number; }>>'.
export const loose: Sink<{ a: number }> = { name: '', open: async () => ({ write: async (_: Batch<{ a: number; extra: string }>) => {} }) }

// steps

// a field that the schema has not
// → TS2339 Property 'idd' does not exist on type '{ id: number; email: string; plan?: string | undefined; }'.
definePipeline({ name, source, steps: r => r.pipe(decode('json'), validate(Signup), transform(s => ({ id: s.idd, email: s.email }))), sink, onFailure })

// a handler that takes something else
// → TS2345 Argument of type 'Operator<unknown, { id: number; email: string; plan?: string | undefined; }>' is not assignable to parameter of type 'OperatorFunction<Envelope<unknown>, Envelope<{ id: string; email: string; }>>'.
definePipeline({ name, source, steps: r => r.pipe(decode('json'), validate(Signup), handle(async (s: { id: string; email: string }) => s)), sink, onFailure })

// a forgotten return
// → TS2345 Argument of type '(s: { id: number; email: string; plan?: string | undefined; }) => void' is not assignable to parameter of type '(value: { id: number; email: string; plan?: string | undefined; }, context: RecordContext) => {} | null'.
definePipeline({ name, source, steps: r => r.pipe(decode('json'), validate(Signup), transform(s => { ({ id: s.id }) })), sink, onFailure })

// a promise in transform
// → TS2322 Type 'Promise<{ id: number; email: string; }>' is not assignable to type 'Promise<{ id: number; email: string; }> & "transform is synchronous: use handle for a promise"'.
definePipeline({ name, source, steps: r => r.pipe(decode('json'), validate(Signup), transform(async s => ({ id: s.id, email: s.email }))), sink, onFailure })

// decode after validate
// → TS2322 Type 'Observable<unknown>' is not assignable to type 'Observable<Envelope<unknown>>'.
definePipeline({ name, source, steps: r => r.pipe(validate(Signup), decode('json')), sink: memorySink(), onFailure })

// no decode
// → TS2345 Argument of type 'Operator<{ id: number; }, { id: number; }>' is not assignable to parameter of type 'OperatorFunction<Envelope<Uint8Array<ArrayBufferLike> | null>, Envelope<{ id: number; }>>'.
definePipeline({ name, source, steps: r => r.pipe(handle(async (s: { id: number }) => s)), sink: memorySink(), onFailure })

// a tombstone that nobody looked at
// → TS18047 't' is possibly 'null'.
definePipeline({ name, source, steps: r => r.pipe(decode('text'), transform(t => ({ id: t.length, email: '' }))), sink, onFailure })

// RxJS's map without `with` gives a bare value
// → TS2322 Type 'Observable<{ id: number; email: string; }>' is not assignable to type 'Observable<Envelope<unknown>>'.
definePipeline({ name, source, steps: r => r.pipe(decode('json'), validate(Signup), map(e => ({ id: e.value.id, email: e.value.email }))), sink, onFailure })

// a format that is none
// → TS2769 No overload matches this call.
decode('yaml')

// a JSON Schema with a type that is none
// → TS2820 Type '"objekt"' is not assignable to type 'readonly JSONSchemaType[] | JSONSchemaType | undefined'. Did you mean '"object"'?
validate({ type: 'objekt', properties: {} })

// a predicate that takes something else
// → TS2345 Argument of type 'Operator<unknown, { id: number; email: string; plan?: string | undefined; }>' is not assignable to parameter of type 'OperatorFunction<Envelope<unknown>, Envelope<string>>'.
definePipeline({ name, source, steps: r => r.pipe(decode('json'), validate(Signup), keep((s: string) => s !== '')), sink, onFailure })

// a split that gives no list
// → TS2769 No overload matches this call.
definePipeline({ name, source, steps: r => r.pipe(decode('json'), validate(Signup), split(s => s.id)), sink: memorySink(), onFailure })

// trigger without toTrigger
// → TS2345 Argument of type 'Operator<unknown, { id: number; email: string; plan?: string | undefined; }>' is not assignable to parameter of type 'OperatorFunction<Envelope<unknown>, Envelope<SessionCommand>>'.
definePipeline({ name, source, steps: r => r.pipe(decode('json'), validate(Signup), trigger({ store: { read: async () => 1 }, tasks: {} })), sink: memorySink(), onFailure })

// a misspelled named source
// → TS2339 Property 'order' does not exist on type '{ readonly orders: Observable<Envelope<Uint8Array<ArrayBufferLike> | null>>; }'.
definePipeline({ name, source: { orders: source }, steps: ({ order }) => order.pipe(decode('json'), validate(Signup)), sink, onFailure })

// definitions and options

// onFailure left out: the owner chooses
// → TS2741 Property 'onFailure' is missing in type '{ name: string; source: Source<Uint8Array<ArrayBufferLike> | null>; steps: (r: Observable<Envelope<Uint8Array<ArrayBufferLike> | null>>) => Observable<...>; sink: TableSink<...>; }' but required in type 'PipelineDefinition<Source<Uint8Array<ArrayBufferLike> | null>, Envelope<any>, TableSink<{ readonly email: string; readonly id: number | bigint; readonly plan?: string | ... 1 more ... | undefined; }>>'.
definePipeline({ name, source, steps: r => r.pipe(decode('json'), validate(Signup)), sink })

// a misspelled limit
// → TS2561 Object literal may only specify known properties, but 'maxInflight' does not exist in type 'Partial<Limits>'. Did you mean to write 'maxInFlight'?
definePipeline({ name, source, steps: r => r.pipe(decode('json'), validate(Signup)), sink, onFailure, limits: { maxInflight: 3 } })

// a key that names no column
// → TS2322 Type '"idd"' is not assignable to type '"email" | "id"'.
table('t', c => ({ id: c.bigint(), email: c.text() }), { key: ['idd'] })

// upsert into a table without a key
// → TS2345 Argument of type '{ mode: "upsert"; }' is not assignable to parameter of type 'PostgresSinkOptions<{ id: Column<number | bigint, false>; email: Column<string, false>; body: Column<unknown, false>; }, never>'.
postgresSink(database, plain, { mode: 'upsert' })

// append into a table with a key, without a ledger, and without onDuplicate
// → TS2345 Argument of type '{ mode: "append"; }' is not assignable to parameter of type 'PostgresSinkOptions<{ id: Column<number | bigint, false>; email: Column<string, false>; plan: Column<string | null, true>; }, "id">'.
postgresSink(database, signups, { mode: 'append' })

// a merge that names no column
// → TS2820 Type '"emial"' is not assignable to type '"email" | "plan"'. Did you mean '"email"'?
postgresSink(database, signups, { mode: 'upsert', merge: ['emial'] })

// records that the pipeline's source does not give
// → TS2322 Type 'string' is not assignable to type 'number'.
runPipeline(definePipeline({ name, source: memorySource([1]), steps: r => r, sink: memorySink<number>(), onFailure }), ['one'])

// configs

// a ready-made pipeline with a misspelled option
// → TS2353 Object literal may only specify known properties, and 'pathes' does not exist in type 'Pipeline<Sources> | ({ readonly use: "files-to-postgres"; } & FilesToPostgresConfig)'.
defineConfig({ pipelines: { a: { use: 'files-to-postgres', pathes: 'x', format: 'csv', table: { name: 't', columns: { id: 'integer' } }, database: { embedded: 'x' } } } })

// with a format that there is not
// → TS2322 Type '{ use: "files-to-postgres"; paths: string; format: "xml"; table: { name: string; columns: { id: string; }; }; database: { embedded: string; }; }' is not assignable to type 'Pipeline<Sources> | PipelineOfKind | PipelineOfModule'.
defineConfig({ pipelines: { a: { use: 'files-to-postgres', paths: 'x', format: 'xml', table: { name: 't', columns: { id: 'integer' } }, database: { embedded: 'x' } } } })

// without a database
// → TS2322 Type '{ use: "files-to-postgres"; paths: string; format: "csv"; table: { name: string; columns: { id: string; }; }; }' is not assignable to type 'Pipeline<Sources> | PipelineOfKind | PipelineOfModule'.
defineConfig({ pipelines: { a: { use: 'files-to-postgres', paths: 'x', format: 'csv', table: { name: 't', columns: { id: 'integer' } } } } })

// a level that there is not
// → TS2322 Type '"verbose"' is not assignable to type '"debug" | "error" | "info" | "silent" | "warn" | undefined'.
defineConfig({ pipelines: {}, log: { level: 'verbose' } })
