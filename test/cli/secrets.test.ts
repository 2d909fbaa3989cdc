// biome-ignore-all lint/suspicious/noTemplateCurlyInString: the config's own templates
import { describe, expect, it } from 'vitest'
import { type MillraceEnded, runMillrace, startMillrace } from '../harness/millrace-command.js'
import { projects } from '../harness/project.js'
import { hiddenIn, secretOf } from '../harness/seeded-secrets.js'

// Twelve secrets, each where people keep them. The harness searches all that a command says; here the commands are made to say as much as they can.
const secrets = {
  url: secretOf('url'),
  encodedInUrl: `${secretOf('encoded')}@/?`,
  libpq: secretOf('libpq'),
  nested: secretOf('nested'),
  header: secretOf('header'),
  headerPair: secretOf('pair'),
  sasl: secretOf('sasl'),
  environment: secretOf('variable'),
  urlOfEnvironment: secretOf('url-of-environment'),
  file: secretOf('file'),
  query: secretOf('query'),
  userOfHttp: secretOf('http'),
}
const all = Object.values(secrets)

const pem = `-----BEGIN PRIVATE KEY-----\n${Buffer.from(secretOf('key').repeat(8)).toString('base64')}\n-----END PRIVATE KEY-----`

/** Says all it was given wherever it can: in the log, in an error at start, in errors of records. */
const talkative = `
import { decode, definePipeline, handle, memoryQuarantine, memorySink } from 'millrace'

export default (options, { name }) => definePipeline({
  name,
  source: {
    name: 'talkative',
    commits: 'prefix',
    async open({ log }) {
      log.debug('opening with options', { options, headers: options.headers })
      log.warn('opening ' + JSON.stringify(options), { error: new Error(JSON.stringify(options)) })
      if (options.fails) throw new Error('cannot open with ' + JSON.stringify(options), { cause: new Error('of ' + options.endpoint + ' ' + options.greeting) })
      let isRead = false
      return { async read() {
        if (isRead) return null
        isRead = true
        return [{ value: Buffer.from('{"id":1}'), position: 0 }]
      } }
    },
  },
  steps: records => records.pipe(decode('json'), handle(() => { throw new Error('refused: ' + JSON.stringify(options)) })),
  sink: memorySink(),
  onFailure: options.halts ? 'halt' : memoryQuarantine(),
})
`

const talker = (more: object = {}) => ({
  use: './talkative.js',
  options: {
    deep: { api: [{ token: secrets.nested }] },
    headers: { authorization: `Bearer ${secrets.header}`, accept: '*/*' },
    pairs: [['x-api-key', secrets.headerPair]],
    greeting: '${file:./greeting.txt}',
    endpoint: `https://me:${secrets.userOfHttp}@example.invalid/x?access_token=${secrets.query}`,
    dsn: `host=127.0.0.1 port=1 user=app password='${secrets.libpq}' dbname=db`,
    mirror: '${MIRROR_URL}',
    password: '${SEEDED_VARIABLE}',
    tls: { key: pem },
    ...more,
  },
})

const limits = { startTimeoutMs: 300, stopTimeoutMs: 500 }
const table = { name: 'rows', columns: { id: 'integer' } }
const config = {
  pipelines: {
    talks: talker(),
    fails: talker({ fails: true }),
    halts: talker({ halts: true }),
    away: {
      use: 'files-to-postgres',
      paths: '*.ndjson',
      format: 'ndjson',
      table,
      limits,
      database: { connection: `postgres://app:${secrets.url}@127.0.0.1:1/db` },
    },
    encoded: {
      use: 'files-to-postgres',
      paths: '*.ndjson',
      format: 'ndjson',
      table,
      limits,
      database: { connection: `postgres://app:${encodeURIComponent(secrets.encodedInUrl)}@127.0.0.1:1/db` },
    },
    topics: {
      use: 'topic-to-postgres',
      table,
      limits,
      from: {
        brokers: ['127.0.0.1:1'],
        topics: ['t'],
        groupId: 'g',
        connectTimeoutMs: 200,
        sasl: { mechanism: 'plain', username: 'me', password: secrets.sasl },
      },
      database: { connection: '${SEEDED_DATABASE_URL}' },
    },
  },
  restart: { initialMs: 1, maxMs: 2, maxInARow: 2 },
  log: { level: 'debug' },
}

const env = {
  SEEDED_VARIABLE: secrets.environment,
  MIRROR_URL: `amqp://me:${secrets.urlOfEnvironment}@mirror.invalid/`,
  SEEDED_DATABASE_URL: `postgres://app:${secrets.urlOfEnvironment}@127.0.0.1:1/db`,
}

const project = projects()
const files = (over: object = {}) =>
  project({
    'millrace.config.json': JSON.stringify({ ...config, ...over }),
    'talkative.js': talkative,
    'greeting.txt': `${secrets.file}\n`,
    'rows.ndjson': '{"id":1}\n',
  })
const searched = [...all, pem.split('\n')[1]!]

describe('no secret is said by', () => {
  it.each([
    ['check'],
    ['check', '--json'],
    ['print-config'],
    ['print-config', '--json'],
    ['explain', 'talks'],
    ['explain', 'topics', '--json'],
    ['doctor'],
    ['doctor', '--json'],
  ])('millrace %s %s', async (...args) => {
    const cwd = await files()
    const { status, out, err } = await runMillrace(args, { cwd, env, secrets: searched })
    expect([0, 1, 69], out + err).toContain(status)
    expect(out + err).not.toBe('')
  })

  it.each([
    ['lines', []],
    ['json', []],
    ['json', ['--json']],
  ])('millrace run in %s %j: the log of all that happens, what failed, the summary', async (format, flags) => {
    const cwd = await files({ log: { level: 'debug', format } })
    const { status, out, err } = await runMillrace(['run', ...flags], { cwd, env, secrets: searched })
    expect(status, out + err).toBe(1)
    // They did talk.
    expect(err).toContain('opening with options')
    expect(err).toContain('cannot open with')
    expect(err).toContain('refused: ')
    expect(err).toContain('postgres')
    expect(err.match(/\*\*\*/g)?.length ?? 0).toBeGreaterThan(12)
  })

  it('millrace run with --workers', async () => {
    const cwd = await files()
    const { status, err } = await runMillrace(['run', 'topics', '--workers', '2'], { cwd, env, secrets: searched })
    expect(status, err).toBe(69)
  })

  it('what is wrong in a config', async () => {
    const cwd = await files({
      pipelines: {
        a: { ...config.pipelines.away, database: { connection: { password: secrets.url } }, tabel: secrets.nested },
        b: { ...talker(), options: secrets.file, token: secrets.header },
        c: { ...config.pipelines.topics, from: { sasl: [secrets.sasl], password: secrets.sasl, brokers: 7 } },
        d: {
          use: './talkative.js',
          options: { at: `https://me:${secrets.userOfHttp}@x/?access_token=${secrets.query}`, of: '${MISSING}' },
        },
      },
    })
    const { status, err } = await runMillrace(['check'], {
      cwd,
      env,
      secrets: [secrets.sasl, secrets.url, secrets.header, secrets.query, secrets.userOfHttp],
    })
    expect(status).toBe(78)
    expect(err).toContain('pipelines.c.from.brokers')
  })

  it('a file that cannot be read as a config', async () => {
    for (const [name, text] of [
      ['x.yaml', `password: "${secrets.nested}\n  x: [`],
      ['x.json', `{"password": "${secrets.nested}", nonsense}`],
      ['x.toml', `password = "${secrets.nested}" nonsense`],
      ['x.ts', `export default { password: '${secrets.nested}' `],
      ['y.ts', `throw new Error('password=${secrets.nested} https://a:${secrets.userOfHttp}@b')`],
    ] as const) {
      const cwd = await project({ [name]: text })
      const ended = await runMillrace(['-c', name, 'check'], { cwd, secrets: all })
      expect(ended, ended.err).toMatchObject({ status: 78 })
    }
  })

  it('a config in code that throws what the environment holds, and says it again in the cause', async () => {
    const cwd = await project({
      'x.js': 'const told = `no entry with ${process.env.MILLRACE_SEEDED_PASSWORD}`; throw new Error(told, { cause: new Error(told) })',
    })
    const { status, err } = await runMillrace(['-c', 'x.js', 'check'], { cwd })
    expect([status, err.match(/no entry with \*\*\*/g)?.length], err).toEqual([78, 1])
  })

  it('an operator that throws out of RxJS', async () => {
    const cwd = await project({
      'millrace.config.js': `
        import { definePipeline, memorySink, memorySource } from 'millrace'
        export default { pipelines: { wild: definePipeline({
          name: 'wild',
          source: memorySource([Buffer.from('x')]),
          steps: records => (setTimeout(() => { throw new Error('password=${secrets.nested} of https://a:${secrets.userOfHttp}@b') }, 50), records),
          sink: { name: 'never', async open() { return { write: () => new Promise(resolve => setTimeout(resolve, 5000)) } } },
          onFailure: 'halt',
        }) } }`,
    })
    const { status, err } = await runMillrace(['run'], { cwd, secrets: all })
    expect(status).toBe(1)
    expect(err).toContain('password=***')
  })
})

it('the search finds what is said, in each form', async () => {
  const cwd = await project({ 'talks.mjs': 'process.stdout.write(process.argv[2])' })
  const secret = secrets.encodedInUrl
  for (const said of [
    secret,
    encodeURIComponent(secret),
    JSON.stringify(secret),
    Buffer.from(secret).toString('base64'),
    Buffer.from(secret).toString('hex'),
  ]) {
    expect(hiddenIn(`… ${said} …`, [secret])).not.toBeNull()
    const ended: Promise<MillraceEnded> = startMillrace([`a ${said} b`], { script: `${cwd}/talks.mjs`, secrets: [secret] }).ended
    await expect(ended).rejects.toThrow('said a secret')
  }
})
