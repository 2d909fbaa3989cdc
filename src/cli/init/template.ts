import { version } from '../../core/version.js'

/** The files of a project by their paths. */
export type ProjectFiles = Readonly<Record<string, string>>

/** What all templates have: what a signup is, what becomes of it, and a test of both. */
export function sharedFiles(name: string, { start, lines }: { readonly start: string; readonly lines: string }): ProjectFiles {
  return {
    'package.json': `${JSON.stringify(
      {
        name,
        private: true,
        type: 'module',
        scripts: { check: 'millrace check', start, test: 'node --test', sql: 'node node_modules/millrace/dist/cli/sql.js' },
        dependencies: { millrace: `^${version}`, rxjs: '^7.8.0' },
      },
      null,
      2,
    )}\n`,
    '.gitignore': 'node_modules/\n.millrace/\n',
    'signup.schema.json': `${JSON.stringify(schema, null, 2)}\n`,
    'to-row.js': toRow,
    'to-row.test.js': test,
    'data/signups.ndjson': lines,
  }
}

/** Ten signups: one is a test, one has no email, one is no JSON. */
export const signups = `${[
  { id: 1, email: 'Ada@Example.org', plan: 'pro', at: '2026-01-05T08:00:00Z' },
  { id: 2, email: 'grace@example.org', at: '2026-01-05T08:04:10Z' },
  { id: 3, email: 'test@example.org', at: '2026-01-05T08:09:00Z', test: true },
  { id: 4, email: 'barbara@example.org', plan: 'pro', at: '2026-01-05T09:30:00Z' },
  { id: 5, plan: 'free', at: '2026-01-05T09:31:12Z' },
  { id: 6, email: 'katherine@example.org', at: '2026-01-06T10:00:00Z' },
  { id: 7, email: 'hedy@example.org', plan: 'free', at: '2026-01-06T10:10:00Z' },
  { id: 8, email: 'margaret@example.org', at: '2026-01-06T11:45:59Z' },
  { id: 9, email: 'radia@example.org', plan: 'pro', at: '2026-01-07T07:07:07Z' },
]
  .map(line => JSON.stringify(line))
  .join('\n')}\nthis line is no JSON\n`

const schema = {
  type: 'object',
  properties: {
    id: { type: 'integer' },
    email: { type: 'string', pattern: '@' },
    plan: { enum: ['free', 'pro'] },
    at: { type: 'string' },
    test: { type: 'boolean' },
  },
  required: ['id', 'email', 'at'],
  additionalProperties: false,
}

const toRow = `/** What stands in the table of a signup. What it throws puts the record into quarantine. */
export default function toRow({ id, email, plan = 'free', at, test }, context) {
  if (test) return context.skip('a test')
  return { id, email: email.toLowerCase(), plan, signed_up: at }
}
`

const test = `import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import test from 'node:test'
import { decode, definePipeline, memoryQuarantine, memorySink, memorySource, transform, validate } from 'millrace'
import { runPipeline } from 'millrace/testing'
import toRow from './to-row.js'

const schema = JSON.parse(readFileSync(new URL('signup.schema.json', import.meta.url), 'utf8'))

// The steps of the config, on the real engine, between memory and memory.
const signups = definePipeline({
  name: 'signups',
  source: memorySource([]),
  steps: records => records.pipe(decode('json'), validate(schema), transform(toRow)),
  sink: memorySink(),
  onFailure: memoryQuarantine(),
})

test('a signup becomes a row', async () => {
  const { delivered } = await runPipeline(signups, ['{"id":1,"email":"Ada@Example.org","at":"2026-01-05T08:00:00Z"}'])
  assert.deepEqual(delivered, [{ id: 1, email: 'ada@example.org', plan: 'free', signed_up: '2026-01-05T08:00:00Z' }])
})

test('tests are skipped, and what is no signup goes to quarantine', async () => {
  const { delivered, skipped, quarantined } = await runPipeline(signups, [
    '{"id":2,"email":"test@example.org","at":"2026-01-05T08:00:00Z","test":true}',
    '{"id":3,"at":"2026-01-05T08:00:00Z"}',
    'no JSON',
  ])
  assert.deepEqual(delivered, [])
  assert.deepEqual(skipped, [{ reason: 'a test' }])
  assert.deepEqual(quarantined.map(({ stage }) => stage), ['validate', 'decode'])
})
`

/** The part of the config from the schema on. */
export const schemaToDatabase = `    schema: ./signup.schema.json
    toRow: ./to-row.js
    table:
      name: signups
      create: true
      columns:
        id: { type: integer, key: true }
        email: text
        plan: text
        signed_up: timestamptz
    # A Postgres within the process, kept in a directory. A server instead: { connection: \${DATABASE_URL} }
    database: { embedded: .millrace/db }
    # It is made at the first start, which takes a slow machine its time.
    limits: { startTimeoutMs: 120000 }
`

/** The first line of a config: what completes it in an editor. */
export const editorLine = '# yaml-language-server: $schema=./node_modules/millrace/dist/config.schema.json\n'

/** How to look at what came of it. */
export const hints = `hints:
  - 'the rows:            npm run sql -- "select * from signups order by id"'
  - 'what failed, and why: npx millrace quarantine list signups'
`
