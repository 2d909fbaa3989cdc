// What must not compile. Above each case stands what it is and, after `→`, the first line of what the compiler says; must-not-compile.test.ts holds the two
// together. `MILLRACE_PIN=1 npx vitest run test/types` writes the messages anew: read the difference, for people read these messages.
import { type Batch, decode, definePipeline, handle, keep, memorySink, memorySource, postgres, postgresSink, type Sink, split, table, transform, validate } from 'millrace'
import { runPipeline } from 'millrace/testing'
import { map } from 'rxjs'
import { z } from 'zod'
import { ingressClient, kafkaSource, route, tarballSink, trigger } from './later-parts.js'

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
// → ?
definePipeline({ name, source, steps: r => r.pipe(decode('json'), validate(Signup), transform(s => ({ ...s, emial: 'x' }))), sink, onFailure })

// missing column
// → ?
definePipeline({ name, source, steps: r => r.pipe(decode('json'), validate(Signup), transform(s => ({ id: s.id }))), sink, onFailure })

// column of another type
// → ?
definePipeline({ name, source, steps: r => r.pipe(decode('json'), validate(Signup), transform(s => ({ id: s.email, email: s.email }))), sink, onFailure })

// null into a column that takes none
// → ?
definePipeline({ name, source, steps: r => r.pipe(decode('json'), validate(Signup), transform(s => ({ id: s.id, email: s.plan ?? null }))), sink, onFailure })

// optional into a required column
// → ?
definePipeline({ name, source, steps: r => r.pipe(decode('json'), validate(z.object({ id: z.number(), email: z.string().optional() }))), sink, onFailure })

// unknown column in one branch only
// → ?
definePipeline({ name, source, steps: r => r.pipe(decode('json'), validate(Signup), transform(s => s.id > 1 ? { id: 1, email: '' } : { id: 1, email: '', emial: '' })), sink, onFailure })

// column of another type in a wide table
// → ?
definePipeline({ name, source, steps: r => r.pipe(decode('json'), validate(Signup), transform(s => ({ id: s.id, a: 1, b: '', c: '', d: new Date(), e: new Date(), f: {}, g: 1 }))), sink: postgresSink(database, wide, { mode: 'append' }), onFailure })

// required jsonb left out
// → ?
definePipeline({ name, source, steps: r => r.pipe(decode('json'), validate(Signup), transform(s => ({ id: s.id, email: s.email }))), sink: postgresSink(database, plain, { mode: 'append' }), onFailure })

// unknown straight into a table
// → ?
definePipeline({ name, source, steps: r => r.pipe(decode('json')), sink, onFailure })

// a record of anything into a table
// → ?
definePipeline({ name, source, steps: r => r.pipe(decode('json'), validate(z.record(z.string(), z.string()))), sink, onFailure })

// an open JSON Schema straight into a table
// → ?
definePipeline({ name, source, steps: r => r.pipe(decode('json'), validate({ type: 'object', properties: { id: { type: 'integer' }, email: { type: 'string' } }, required: ['id', 'email'] })), sink, onFailure })

// a primitive into a table
// → ?
definePipeline({ name, source, steps: r => r.pipe(decode('text')), sink, onFailure })

// objects into a sink of bytes
// → ?
definePipeline({ name, source, steps: r => r.pipe(decode('json'), validate(Signup)), sink: bytes, onFailure })

// rows into tarballs without splitCsv
// → ?
definePipeline({ name, source, steps: r => r.pipe(decode('json'), validate(Signup)), sink: tarballSink({ upload: ingressClient({ url: '' }) }), onFailure })

// route to a sink that is not there
// → ?
definePipeline({ name, source, steps: r => r.pipe(decode('json'), validate(Signup), transform(s => ({ to: 'signup', row: s }) as const)), sink: route({ signups: sink }), onFailure })

// route with an unknown column inside
// → ?
definePipeline({ name, source, steps: r => r.pipe(decode('json'), validate(Signup), transform(s => ({ to: 'signups', row: { ...s, emial: 1 } }) as const)), sink: route({ signups: sink }), onFailure })

// a session whose write takes more than the sink is given
// → ?
export const loose: Sink<{ a: number }> = { name: '', open: async () => ({ write: async (_: Batch<{ a: number; extra: string }>) => {} }) }

// steps

// a field that the schema has not
// → ?
definePipeline({ name, source, steps: r => r.pipe(decode('json'), validate(Signup), transform(s => ({ id: s.idd, email: s.email }))), sink, onFailure })

// a handler that takes something else
// → ?
definePipeline({ name, source, steps: r => r.pipe(decode('json'), validate(Signup), handle(async (s: { id: string; email: string }) => s)), sink, onFailure })

// a forgotten return
// → ?
definePipeline({ name, source, steps: r => r.pipe(decode('json'), validate(Signup), transform(s => { ({ id: s.id }) })), sink, onFailure })

// a promise in transform
// → ?
definePipeline({ name, source, steps: r => r.pipe(decode('json'), validate(Signup), transform(async s => ({ id: s.id, email: s.email }))), sink, onFailure })

// decode after validate
// → ?
definePipeline({ name, source, steps: r => r.pipe(validate(Signup), decode('json')), sink: memorySink(), onFailure })

// no decode
// → ?
definePipeline({ name, source, steps: r => r.pipe(handle(async (s: { id: number }) => s)), sink: memorySink(), onFailure })

// a tombstone that nobody looked at
// → ?
definePipeline({ name, source, steps: r => r.pipe(decode('text'), transform(t => ({ id: t.length, email: '' }))), sink, onFailure })

// RxJS's map without `with` gives a bare value
// → ?
definePipeline({ name, source, steps: r => r.pipe(decode('json'), validate(Signup), map(e => ({ id: e.value.id, email: e.value.email }))), sink, onFailure })

// a format that is none
// → ?
decode('yaml')

// a JSON Schema with a type that is none
// → ?
validate({ type: 'objekt', properties: {} })

// a predicate that takes something else
// → ?
definePipeline({ name, source, steps: r => r.pipe(decode('json'), validate(Signup), keep((s: string) => s !== '')), sink, onFailure })

// a split that gives no list
// → ?
definePipeline({ name, source, steps: r => r.pipe(decode('json'), validate(Signup), split(s => s.id)), sink: memorySink(), onFailure })

// trigger without toTrigger
// → ?
definePipeline({ name, source, steps: r => r.pipe(decode('json'), validate(Signup), trigger({ store: { read: async () => 1 }, tasks: {} })), sink: memorySink(), onFailure })

// a misspelled named source
// → ?
definePipeline({ name, source: { orders: source }, steps: ({ order }) => order.pipe(decode('json'), validate(Signup)), sink, onFailure })

// definitions and options

// onFailure left out: the owner chooses
// → ?
definePipeline({ name, source, steps: r => r.pipe(decode('json'), validate(Signup)), sink })

// a misspelled limit
// → ?
definePipeline({ name, source, steps: r => r.pipe(decode('json'), validate(Signup)), sink, onFailure, limits: { maxInflight: 3 } })

// a key that names no column
// → ?
table('t', c => ({ id: c.bigint(), email: c.text() }), { key: ['idd'] })

// upsert into a table without a key
// → ?
postgresSink(database, plain, { mode: 'upsert' })

// append into a table with a key, without a ledger, and without onDuplicate
// → ?
postgresSink(database, signups, { mode: 'append' })

// a merge that names no column
// → ?
postgresSink(database, signups, { mode: 'upsert', merge: ['emial'] })

// records that the pipeline's source does not give
// → ?
runPipeline(definePipeline({ name, source: memorySource([1]), steps: r => r, sink: memorySink<number>(), onFailure }), ['one'])
