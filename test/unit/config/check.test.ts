import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { ConfigError, type Problem, problemText } from '../../../src/config/config-error.js'
import { type LoadConfigOptions, loadConfig } from '../../../src/config/load-config.js'
import { kinds } from '../../../src/pipelines/kinds.js'
import { directoryWith, failureOf } from '../../harness/config-files.js'
import { seededRandom } from '../../harness/random.js'

const env = { DATABASE_PASSWORD: 'hunter22', WORKERS: '4', CREATE: 'true', BROKERS: 'a:9092,b:9092' }

async function load(
  config: unknown,
  { files = {}, ...options }: Partial<LoadConfigOptions> & { files?: Record<string, string | object> } = {},
) {
  const directory = await directoryWith({ ...files, 'millrace.config.json': config as object })
  return loadConfig(join(directory, 'millrace.config.json'), { kinds, env, ...options })
}

async function problemsOf(config: unknown, options?: Parameters<typeof load>[1]): Promise<readonly Problem[]> {
  const error = await failureOf(load(config, options))
  if (!(error instanceof ConfigError)) throw error
  expect(error.problems.map(problemText)).toEqual(error.details.problems)
  return error.problems
}

const signups = () => ({
  use: 'files-to-postgres',
  paths: 'data/*.ndjson',
  format: 'ndjson',
  schema: { type: 'object', properties: { id: { type: 'integer' }, email: { type: 'string' } }, required: ['id', 'email'] },
  table: { name: 'signups', create: true, columns: { id: { type: 'integer', key: true }, email: 'text' } },
  database: { connection: 'postgres://app:${DATABASE_PASSWORD}@db:5432/app' },
})
const orders = () => ({
  use: 'topic-to-postgres',
  from: {
    brokers: ['${BROKERS}'],
    topics: ['orders'],
    groupId: 'orders',
    sasl: { mechanism: 'plain', username: 'app', password: '${DATABASE_PASSWORD}' },
  },
  table: { name: 'orders', columns: { id: { type: 'bigint', key: true }, at: { type: 'timestamptz', default: { sql: 'now()' } } } },
  database: { embedded: '.millrace/db' },
  write: { mode: 'upsert', batch: { maxRecords: 100 } },
})
const good = () => ({
  pipelines: { signups: signups(), orders: orders() },
  monitoring: {},
  log: { level: 'warn' },
  restart: { maxMs: 5_000 },
})
type Config = ReturnType<typeof good>

describe('a config without a mistake', () => {
  it('is resolved: values and defaults are in it, and its secrets are known', async () => {
    const { config, names, secrets } = await load(good())
    expect(names).toEqual(['signups', 'orders'])
    expect(config).toMatchObject({
      monitoring: { host: '127.0.0.1', port: 9464 },
      log: { level: 'warn', format: 'auto' },
      restart: { initialMs: 1_000, maxMs: 5_000, maxInARow: null },
      hints: [],
      pipelines: {
        signups: { root: '.', concurrency: 1, write: { mode: 'append' }, database: { connection: 'postgres://app:hunter22@db:5432/app' } },
        orders: { from: { startAt: 'earliest', commitEveryMs: 1_000 }, database: { embedded: '.millrace/db' } },
      },
    })
    expect(secrets).toEqual(['hunter22'])
  })

  it('knows what the environment holds of secrets, though code alone reads it', async () => {
    const more = { ...env, API_TOKEN: 'tok-12345', SHORT_TOKEN: 'strict', HOME: '/home/ada-lovelace', BROKER_URL: 'amqp://u:pw-in-url@h' }
    const { secrets } = await load({ pipelines: {} }, { env: more })
    expect([...secrets].sort()).toEqual(['hunter22', 'pw-in-url', 'tok-12345'])
  })

  it('needs no server: each pipeline is made, once, and none is opened', async () => {
    const loaded = await load(good())
    expect(await loaded.pipeline('orders')).toBe(await loaded.pipeline('orders'))
    await expect(loaded.pipeline('order')).rejects.toMatchObject({
      code: 'MILL_OPTION_INVALID',
      message: expect.stringContaining('did you mean orders?'),
    })
  })

  it('takes numbers and booleans from texts that are one placeholder', async () => {
    const config = good()
    Object.assign(config.pipelines.signups, { concurrency: '${WORKERS}' })
    Object.assign(config.pipelines.signups.table, { create: '${CREATE}' })
    Object.assign(config, { monitoring: { port: '${PORT:-0}' } })
    const loaded = await load(config)
    expect(loaded.config).toMatchObject({ monitoring: { port: 0 }, pipelines: { signups: { concurrency: 4, table: { create: true } } } })
  })

  it('takes them from nothing else', async () => {
    const config = good()
    Object.assign(config.pipelines.signups, { concurrency: '4', followLinks: '${CREATE}!' })
    Object.assign(config, { monitoring: { port: '${WORKERS}.5' } })
    expect(await problemsOf(config)).toEqual([
      { path: 'pipelines.signups.concurrency', expected: 'a whole number from 1 up', given: '"4"' },
      { path: 'pipelines.signups.followLinks', expected: 'true or false', given: '"true!"' },
      { path: 'monitoring.port', expected: 'a whole number from 0 to 65535', given: '"4.5"' },
    ])
  })

  it('may have pipelines that lack something where they are not wanted', async () => {
    const config = good()
    Object.assign(config.pipelines.orders, { database: { connection: '${OTHER_DATABASE}' }, tabel: 1 })
    const loaded = await load(config, { only: ['signups'] })
    expect(loaded.names).toEqual(['signups'])
    expect(await problemsOf(config)).toHaveLength(2)
  })

  it('is read without its modules where nothing is to be made', async () => {
    const config = { pipelines: { a: { use: './none.ts' }, b: { ...signups(), toRow: './none.ts' } } }
    expect((await load(config, { make: false })).names).toEqual(['a', 'b'])
    expect(await problemsOf(config)).toHaveLength(2)
  })
})

/** Each changes one thing, and says what is to be said of it. None hangs on another. */
const mistakes: readonly (readonly [what: string, make: (config: Config) => void, problem: Problem])[] = [
  [
    'a misspelled option',
    config => rename(config.pipelines.signups, 'paths', 'pathes'),
    { path: 'pipelines.signups.pathes', expected: 'a known key', given: '"data/*.ndjson"', suggestion: 'paths' },
  ],
  [
    'a misspelled key at the top',
    config => rename(config, 'monitoring', 'monitorng'),
    { path: 'monitorng', expected: 'a known key', given: '{}', suggestion: 'monitoring' },
  ],
  [
    'a number as text',
    config => Object.assign(config.pipelines.signups, { concurrency: 'four' }),
    { path: 'pipelines.signups.concurrency', expected: 'a whole number from 1 up', given: '"four"' },
  ],
  [
    'a value that is none of those',
    config => Object.assign(config.log, { level: 'wran' }),
    { path: 'log.level', expected: 'one of "debug", "info", "warn", "error", "silent"', given: '"wran"', suggestion: 'warn' },
  ],
  [
    'a variable that is not set',
    config => Object.assign(config.pipelines.signups.database, { connection: '${DATABASE_URL}' }),
    {
      path: 'pipelines.signups.database.connection',
      expected: 'DATABASE_URL in the environment, or a default: ${DATABASE_URL:-…}',
      given: 'nothing',
    },
  ],
  [
    'a column of no type',
    config => Object.assign(config.pipelines.signups.table.columns, { email: 'txet' }),
    {
      path: 'pipelines.signups.table.columns.email',
      expected: expect.stringMatching(/^a type: one of text, integer/),
      given: '"txet"',
      suggestion: 'text',
    },
  ],
  [
    'something that is required and missing',
    config => Reflect.deleteProperty(config.pipelines.orders.from, 'groupId'),
    { path: 'pipelines.orders.from.groupId', expected: 'a text that is not empty', given: 'nothing' },
  ],
  [
    'a column that is not there',
    config => Object.assign(config.pipelines.orders.write, { merge: ['att'] }),
    { path: 'pipelines.orders.write.merge[0]', expected: 'a column of the table (there are: id, at)', given: '"att"', suggestion: 'at' },
  ],
  [
    'a default that the column does not take',
    config => Object.assign(config.pipelines.orders.table.columns, { at: { type: 'timestamptz', default: 'soon' } }),
    {
      path: 'pipelines.orders.table.columns.at.default',
      expected: 'a Date or a text like 2024-02-29T12:00:00Z, or { sql }',
      given: '"soon"',
    },
  ],
  [
    'a module that is not there',
    config => Object.assign(config.pipelines, { custom: { use: './pipelines/none.ts' } }),
    { path: 'pipelines.custom.use', expected: 'a module that can be loaded', given: './pipelines/none.ts, which is not there' },
  ],
  [
    'a kind that there is not, with all its options',
    config => Object.assign(config.pipelines, { more: { ...signups(), use: 'file-to-postgres' } }),
    {
      path: 'pipelines.more.use',
      expected: 'one of files-to-postgres, topic-to-postgres, the path of a module, or a package',
      given: '"file-to-postgres"',
      suggestion: 'files-to-postgres',
    },
  ],
  [
    'a bad value of a secret, which is not shown',
    config => Object.assign(config.pipelines.orders.from.sasl, { password: ['hunter22'] }),
    { path: 'pipelines.orders.from.sasl.password', expected: 'a text that is not empty', given: 'a secret (not shown)' },
  ],
]

function rename(holder: object, from: string, to: string): void {
  Object.assign(holder, { [to]: Reflect.get(holder, from) })
  Reflect.deleteProperty(holder, from)
}

describe('a config with mistakes', () => {
  it.each(mistakes)('tells of %s, and of nothing else', async (_, make, problem) => {
    const config = good()
    make(config)
    expect(await problemsOf(config)).toEqual([problem])
  })

  it('with 12 different ones tells of exactly these, each with path, expectation, value and suggestion', async () => {
    const config = good()
    for (const [, make] of mistakes) make(config)
    const found = await problemsOf(config)
    expect(mistakes).toHaveLength(12)
    expect(found).toHaveLength(12)
    for (const [, , problem] of mistakes) expect(found).toContainEqual(problem)
    expect(JSON.stringify(found)).not.toContain('hunter22')
  })

  it.each([1, 2, 3, 4, 5, 6])('with some of them, chosen by the seed %i, tells of just those', async seed => {
    const random = seededRandom(seed)
    const chosen = mistakes.filter(() => random() < 0.5)
    const config = good()
    for (const [, make] of chosen) make(config)
    const found = chosen.length === 0 ? [] : await problemsOf(config)
    expect(found).toHaveLength(chosen.length)
    for (const [, , problem] of chosen) expect(found).toContainEqual(problem)
  })

  it('judges what stands under a misspelled key by the right one, with paths as they are written', async () => {
    const config = good()
    Object.assign(config.pipelines.signups.table.columns, {
      email: { typ: 'txt', kee: true, nullable: true },
      x: { type: 'integer', default: 'a' },
    })
    rename(config.pipelines.signups.table, 'columns', 'colums')
    rename(config.pipelines.signups, 'table', 'tabel')
    expect((await problemsOf(config)).map(({ path, suggestion }) => [path, suggestion])).toEqual([
      ['pipelines.signups.tabel', 'table'],
      ['pipelines.signups.tabel.colums', 'columns'],
      ['pipelines.signups.tabel.colums.email.typ', 'type'],
      ['pipelines.signups.tabel.colums.email.kee', 'key'],
      ['pipelines.signups.tabel.colums.email.typ', 'text'],
      ['pipelines.signups.tabel.colums.x.default', undefined],
    ])
  })

  it('takes numbers from texts that are one placeholder under a misspelled key too', async () => {
    expect(await problemsOf({ pipelines: {}, monitoring: { prot: '${WORKERS}' } })).toEqual([
      { path: 'monitoring.prot', expected: 'a known key', given: '"4"', suggestion: 'port' },
    ])
  })

  it.each<[string, unknown, readonly (readonly [path: string, given: string])[]]>([
    ['no pipelines', {}, [['pipelines', 'nothing']]],
    ['pipelines as a list', { pipelines: [signups()] }, [['pipelines', expect.any(String) as unknown as string]]],
    ['a pipeline that is a text', { pipelines: { a: 'files-to-postgres' } }, [['pipelines.a', '"files-to-postgres"']]],
    ['a pipeline without use', { pipelines: { a: { paths: 'x' } } }, [['pipelines.a.use', 'nothing']]],
    ['a use that is no text', { pipelines: { a: { ...signups(), use: 5 } } }, [['pipelines.a.use', '5']]],
    [
      'a module with options of its own beside use',
      { pipelines: { 'a b': { use: './x.js', path: 'x' } } },
      [['pipelines["a b"].path', '"x"']],
    ],
    [
      'both databases',
      { pipelines: { a: { ...signups(), database: { embedded: 'x', connection: 'postgres://u:pw-1@h/d' } } } },
      [['pipelines.a.database', '{"embedded":"x","connection":"postgres://u:***@h/d"}']],
    ],
    [
      'a misspelled option beside the one that was meant',
      { pipelines: { a: { ...signups(), database: { connection: 'postgres://h/d', conection: 1 } } } },
      [['pipelines.a.database.conection', '1']],
    ],
    ['no database', { pipelines: { a: { ...signups(), database: {} } } }, [['pipelines.a.database', '{}']]],
    [
      'another kind of database',
      { pipelines: { a: { ...signups(), database: { connection: 'mysql://u:pw-1@h/d' } } } },
      [['pipelines.a.database.connection', '"mysql://u:***@h/d"']],
    ],
    [
      'a JSON Schema that is none',
      { pipelines: { a: { ...signups(), schema: { type: 'objet' } } } },
      [['pipelines.a.schema', expect.stringContaining('type') as unknown as string]],
    ],
    [
      'a schema whose file is not there',
      { pipelines: { a: { ...signups(), schema: './none.json' } } },
      [['pipelines.a.schema', './none.json, which is not there']],
    ],
    [
      'upsert without a key',
      { pipelines: { a: { ...signups(), table: { name: 't', columns: { a: 'text' } }, schema: 5, write: { mode: 'upsert' } } } },
      [
        ['pipelines.a.schema', '5'],
        ['pipelines.a.write.mode', 'upsert'],
      ],
    ],
    [
      'update without a key',
      { pipelines: { a: { ...signups(), table: { name: 't', columns: { id: 'integer' } }, write: { mode: 'update' } } } },
      [['pipelines.a.write.mode', 'update']],
    ],
    [
      'a key that is nullable',
      { pipelines: { a: { ...signups(), table: { name: 't', columns: { id: { type: 'integer', key: true, nullable: true } } } } } },
      [['pipelines.a.table.columns.id.nullable', 'true']],
    ],
    [
      'a name that no table can have',
      { pipelines: { a: { ...signups(), table: { name: 'a.b.c', columns: { id: 'integer' } } } } },
      [['pipelines.a.table.name', '"a.b.c"']],
    ],
    [
      'a window smaller than a batch',
      { pipelines: { a: { ...signups(), limits: { maxInFlight: 10 } } } },
      [['pipelines.a.limits.maxInFlight', expect.stringContaining('10') as unknown as string]],
    ],
    [
      'a broker without its port',
      { pipelines: { a: { ...orders(), from: { ...orders().from, brokers: 'a' } } } },
      [['pipelines.a.from.brokers', '["a"]']],
    ],
    [
      'an expression that is none',
      { pipelines: { a: { ...orders(), from: { ...orders().from, topics: '/(/' } } } },
      [['pipelines.a.from.topics', expect.stringContaining('/(/') as unknown as string]],
    ],
    [
      'a time that is none',
      { pipelines: { a: { ...orders(), from: { ...orders().from, startAt: 'yesterday' } } } },
      [['pipelines.a.from.startAt', '"yesterday"']],
    ],
    [
      'half a login',
      { pipelines: { a: { ...orders(), from: { ...orders().from, sasl: { mechanism: 'plain' } } } } },
      [['pipelines.a.from.sasl', expect.not.stringContaining('plain') as unknown as string]],
    ],
    [
      'a column that no record can fill',
      {
        pipelines: {
          a: {
            ...signups(),
            schema: { type: 'object', properties: { id: { type: 'integer' }, emial: { type: 'string' } }, additionalProperties: false },
          },
        },
      },
      [['pipelines.a.table.columns.email', '"email"']],
    ],
  ])('tells of %s', async (_, config, expected) => {
    expect((await problemsOf(config)).map(({ path, given }) => [path, given])).toEqual(expected)
  })

  it('tells of modules that give no pipeline, one of another name, or throw', async () => {
    const config = {
      pipelines: {
        number: { use: './number.mjs' },
        other: { use: './other.mjs' },
        throwing: { use: './throwing.mjs', options: { password: 'hunter22' } },
        broken: { use: './broken.mjs' },
        bare: { use: 'number.mjs' },
        row: { ...signups(), toRow: './number.mjs', database: { embedded: 'x' } },
      },
    }
    const files = {
      'number.mjs': 'export default 5',
      'other.mjs': `export default () => ({ name: 'some', start() {} })`,
      'throwing.mjs': 'export default ({ password }) => { throw new Error(`it does not take ${password}`) }',
      'broken.mjs': `throw new Error('postgres://u:pw-123@h is away')`,
    }
    expect(await problemsOf(config, { files })).toEqual([
      { path: 'pipelines.number.use', expected: 'a module whose default export is a pipeline, or a function that gives one', given: '5' },
      { path: 'pipelines.other.use', expected: 'a pipeline of the name other, under which it stands', given: 'one of the name some' },
      { path: 'pipelines.throwing.options', expected: 'what ./throwing.mjs takes', given: 'it does not take ***' },
      {
        path: 'pipelines.broken.use',
        expected: 'a module that can be loaded',
        given: './broken.mjs, which failed: postgres://u:***@h is away (broken.mjs:1)',
      },
      {
        path: 'pipelines.bare.use',
        expected: 'a module that can be loaded',
        given: 'number.mjs, which is not there (did you mean ./number.mjs?)',
      },
      {
        path: 'pipelines.row.toRow',
        expected: 'the path of a module whose default export is a function',
        given: './number.mjs, which exports 5',
      },
    ])
  })

  it('tells of a pipeline in code that stands under another name', async () => {
    const directory = await directoryWith({
      'c.mjs': `export default { pipelines: { a: { name: 'b', start() {} } } }`,
    })
    const error = (await failureOf(loadConfig(join(directory, 'c.mjs'), { kinds, env }))) as ConfigError
    expect(error.problems).toEqual([
      { path: 'pipelines.a', expected: 'a pipeline of the name a', given: 'one of the name b', suggestion: 'b' },
    ])
  })

  it('has a message for people: each problem in a line', async () => {
    const error = await failureOf(load({ pipelines: {}, hint: [], log: { level: 'no' } }))
    expect((error as Error).message).toMatch(
      /millrace\.config\.json has 2 problems:\n {2}hint: expected a known key, got \[\]; did you mean hints\?\n {2}log\.level: expected one of .*, got "no"$/,
    )
  })
})
