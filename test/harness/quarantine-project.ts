/**
 * A config with a pipeline `people` of files into a sink that appends to `rows.ndjson`, and its quarantine in the directory `failed`: what outlives the
 * process of a command, and needs no server. A record fails in `validate` without a whole `id`, in `transform` where its email has no @.
 */
export const peopleConfig = (more = ''): string => `
import { appendFileSync } from 'node:fs'
import { decode, defineConfig, definePipeline, filePositions, fileQuarantine, filesSource, transform, validate } from 'millrace'

const schema = { type: 'object', properties: { id: { type: 'integer' }, email: { type: 'string' } }, required: ['id', 'email'] }
const at = name => new URL(name, import.meta.url).pathname
const rows = { name: 'rows', open: async () => ({ async write({ records }) {
  appendFileSync(at('rows.ndjson'), records.map(({ value }) => JSON.stringify(value) + '\\n').join(''))
} }) }

const people = definePipeline({
  name: 'people',
  source: filesSource({ paths: '*.in', format: 'ndjson', root: at('.'), positions: filePositions(at('positions')) }),
  steps: records => records.pipe(decode('json', { bigIntegers: 'string' }), validate(schema), transform(person => {
    if (!person.email.includes('@')) throw Object.assign(new Error('no address: ' + person.email, { cause: new Error('there is no @') }), { code: 'E_EMAIL' })
    return person
  })),
  sink: rows,
  onFailure: fileQuarantine(at('failed')),
})
const halting = definePipeline({ name: 'halting', source: filesSource({ paths: '*.none', format: 'ndjson', root: at('.') }), steps: records => records, sink: rows, onFailure: 'halt' })
export default defineConfig({ pipelines: { people, halting }, ${more} })
`

/** Six people: the second, third and fifth fail, and the last is no JSON. */
export const people = `${[
  '{"id":1,"email":"a@example.org"}',
  '{"id":"two","email":"b@example.org"}',
  '{"id":3,"email":"nobody","big":12345678901234567890}',
  '{"id":4,"email":"d@example.org"}',
  '{"id":5}',
  '{"id":6,"email":}',
].join('\n')}\n`
