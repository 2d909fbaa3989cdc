import { inspect } from 'node:util'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { findSecrets, secretsOfEnvironment } from '../../../src/config/find-secrets.js'
import { redact } from '../../../src/config/redact.js'
import { HIDDEN, redactText } from '../../../src/config/redact-text.js'
import { isSecretKey } from '../../../src/config/secret-keys.js'

const key = '-----BEGIN PRIVATE KEY-----\nMIIEvQIBADANBgkq\n-----END PRIVATE KEY-----'

describe('isSecretKey', () => {
  it.each([
    'password',
    'Password',
    'PGPASSWORD',
    'db_password',
    'dbPassword',
    'dbpassword',
    'DATABASE_PASSWORD',
    'passwd',
    'passphrase',
    'secret',
    'clientSecret',
    'secretAccessKey',
    'AWS_SECRET_ACCESS_KEY',
    'token',
    'accessToken',
    'access_token',
    'GITHUB_TOKEN',
    'sessionToken',
    'authToken',
    'apiKey',
    'api-key',
    'x-api-key',
    'API_KEY',
    'apikey',
    'privateKey',
    'private_key',
    'sasl',
    'authorization',
    'Proxy-Authorization',
    'cookie',
    'set-cookie',
    'credentials',
    'sslkey',
    'SASL_PASSWORD',
    'bearer',
    'jwt',
  ])('%s', name => expect(isSecretKey(name)).toBe(true))

  it.each([
    'name',
    'key',
    'keys',
    'primaryKey',
    'groupId',
    'connection',
    'user',
    'username',
    'host',
    'passes',
    'tokenizer',
    'monkey',
    'compass',
    'keySpec',
    'author',
    'secretary',
    'topic',
    'path',
    'pattern',
    'assigned',
    'authors',
    'maxConnections',
  ])('not %s', name => expect(isSecretKey(name)).toBe(false))
})

describe('redactText', () => {
  it.each([
    ['postgres://app:hunter22@db:5432/x?sslmode=require', 'postgres://app:***@db:5432/x?sslmode=require'],
    ['away: postgres://app:p@ss/w:rd@db/x, again', 'away: postgres://app:***@db/x, again'],
    ['redis://:hunter22@cache', 'redis://:***@cache'],
    ['https://ghp_0123456789@example.com/x', 'https://***@example.com/x'],
    ['postgres://app@db/x', 'postgres://app@db/x'],
    ['https://example.com/a:b@c', 'https://example.com/a:b@c'],
    ['https://example.com/x?user=a&access_token=abcdef&b=c', 'https://example.com/x?user=a&access_token=***&b=c'],
    ['postgres:///x?host=/run&password=hunter22', 'postgres:///x?host=/run&password=***'],
    ['host=db password=hunter22 user=app', 'host=db password=*** user=app'],
    [String.raw`host=db password='hun ter\'22' user=app`, "host=db password='***' user=app"],
    ['host=db password = hunter22', 'host=db password = ***'],
    ['host=db password=a,b;c)d user=app', 'host=db password=*** user=app'],
    ['PGPASSWORD=hunter22 psql', 'PGPASSWORD=*** psql'],
    ['authorization: Bearer abcdefghijkl', 'authorization: ***'],
    ['Authorization: Basic dXNlcjpwYXNz', 'Authorization: ***'],
    ['it sent Bearer abcdefghijkl.mnop', 'it sent Bearer ***'],
    ['{"password":"hunt\\"er22","user":"app"}', '{"password":"***","user":"app"}'],
    ["{ password: 'hunter22', user: 'app' }", "{ password: '***', user: 'app' }"],
    ['{\\"password\\":\\"hunter22\\",\\"user\\":1}', '{\\"password\\":\\"***\\",\\"user\\":1}'],
    ['x-api-key: 0123456789', 'x-api-key: ***'],
    ['{"password": 12345678}', '{"password": ***}'],
    [`ssl: ${key} and more`, 'ssl: *** and more'],
    ['nothing to hide: a=b, c: d', 'nothing to hide: a=b, c: d'],
    ['', ''],
  ])('%s', (text, expected) => expect(redactText(text)).toBe(expected))

  it('hides what it is told to, however it is written', () => {
    const secret = 'a/b+c d"e\\f'
    const written = [secret, encodeURIComponent(secret), JSON.stringify({ x: secret }), Buffer.from(secret).toString('base64')]
    expect(redactText(written.join(' | '), [secret])).toBe('*** | *** | {"x":"***"} | ***')
  })

  it('hides the longer of two of which one begins the other', () => {
    expect(redactText('abcdef abcd', ['abcd', 'abcdef'])).toBe('*** ***')
  })

  it('leaves secrets of fewer than four characters to their keys', () => {
    expect(redactText('a cat sat', ['a', 'cat', ''])).toBe('a cat sat')
    expect(redact({ password: 'a' })).toEqual({ password: HIDDEN })
  })

  it('takes time that grows as the text does', () => {
    const hard = [
      'password='.repeat(20_000),
      `${'a:'.repeat(50_000)}@`,
      `x://${'a:'.repeat(50_000)}`,
      `"${'\\"'.repeat(50_000)}`,
      'a'.repeat(200_000),
      `password='${"'".repeat(99_999)}`,
    ]
    const started = performance.now()
    for (const text of hard) redactText(text)
    expect(performance.now() - started).toBeLessThan(5_000)
  })
})

describe('redact', () => {
  it('keeps the shape, and hides by key at any depth', () => {
    const given = {
      pipelines: {
        a: {
          use: 'x',
          from: { sasl: { mechanism: 'plain', username: 'app', password: 'hunter22' }, ssl: { key: 'kkkk', ca: 'cccc', on: true } },
        },
      },
      list: [{ token: 'abcdefgh' }, { tokens: ['one', 'two'] }, ['authorization', 'Bearer x']],
      headers: new Map([
        ['cookie', 'abc'],
        ['accept', '*/*'],
      ]),
      key: ['id'],
      pin: { password: 1234, secret: null, token: true },
      empty: { password: '' },
      date: new Date(0),
      bytes: Buffer.from('hunter22'),
    }
    expect(redact(given)).toEqual({
      pipelines: {
        a: {
          use: 'x',
          from: { sasl: { mechanism: 'plain', username: HIDDEN, password: HIDDEN }, ssl: { key: HIDDEN, ca: 'cccc', on: true } },
        },
      },
      list: [{ token: HIDDEN }, { tokens: [HIDDEN, HIDDEN] }, ['authorization', HIDDEN]],
      headers: { cookie: HIDDEN, accept: '*/*' },
      key: ['id'],
      pin: { password: HIDDEN, secret: null, token: true },
      empty: { password: '' },
      date: new Date(0),
      bytes: '[8 bytes]',
    })
    expect(given.pipelines.a.from.sasl.password).toBe('hunter22')
  })

  it('hides in errors, their causes and what they carry, and they stay errors', () => {
    const cause = Object.assign(new TypeError('connect postgres://a:hunter22@b'), { config: { password: 'hunter22' } })
    const error = redact(new Error('hunter22 was refused', { cause }), ['hunter22'])
    expect(error).toBeInstanceOf(Error)
    expect(error.cause).toBeInstanceOf(TypeError)
    expect(inspect(error, { depth: 9, showHidden: true })).not.toContain('hunter22')
    expect(error.message).toBe('*** was refused')
  })

  it('bears cycles, getters that throw, proxies and what JSON has not', () => {
    const cycle: Record<string, unknown> = { password: 'x' }
    cycle['self'] = cycle
    const redacted = redact(cycle)
    expect(redacted['self']).toBe(redacted)
    const bad = {
      get x() {
        throw new Error('no')
      },
    }
    const hostile = new Proxy(
      {},
      {
        ownKeys: () => {
          throw new Error('no')
        },
      },
    )
    expect(redact({ bad, hostile, symbol: Symbol('s'), big: 12n, nan: Number.NaN, undefined: undefined })).toMatchObject({
      big: 12n,
      nan: Number.NaN,
    })
    expect(JSON.stringify(redact(JSON.parse('{"__proto__":{"password":"hunter22"}}')))).toBe('{"__proto__":{"password":"***"}}')
  })

  it('lets no secret out that was seeded anywhere in a random value', () => {
    const secret = fc.string({ minLength: 8, maxLength: 40, unit: 'grapheme' })
    const plain = fc.jsonValue({ depthSize: 'small' })
    fc.assert(
      fc.property(secret, plain, fc.infiniteStream(fc.nat(9)), (secret, value, dice) => {
        // What is to be hidden must not be what stands in its place.
        fc.pre(!HIDDEN.includes(secret) && !JSON.stringify(value).includes(secret))
        const roll = () => dice.next().value as number
        const seeded = seed(value, secret, roll)
        expect(outputsOf(redact(seeded, [secret])).join('\n')).not.toContain(secret)
      }),
    )
  })

  it('lets no secret out that stands under a secret key, in a URL or in a connection string, though nobody told of it', () => {
    const secret = fc.stringMatching(/^[A-Za-z0-9!$%^*~_.]{12,30}$/)
    const holders = fc.constantFrom<(secret: string) => unknown>(
      secret => ({ password: secret }),
      secret => ({ apiKey: [secret] }),
      secret => ({ sasl: { mechanism: 'plain', anything: { deep: secret } } }),
      secret => ({ ssl: { key: secret } }),
      secret => ({ url: `postgres://user:${secret}@host/db` }),
      secret => ({ url: `https://host/x?a=b&token=${secret}` }),
      secret => ({ dsn: `host=h password=${secret} user=u` }),
      secret => ({ dsn: `host=h password='${secret}' user=u` }),
      secret => ({ headers: { authorization: `Bearer ${secret}` } }),
      secret => ({ headers: [['Authorization', `Basic ${secret}`]] }),
      secret => ({ key: `-----BEGIN EC PRIVATE KEY-----\n${secret}\n-----END EC PRIVATE KEY-----` }),
      secret => JSON.stringify({ password: secret }),
      secret => ({ text: JSON.stringify(JSON.stringify({ a: { clientSecret: secret } })) }),
      secret => new Error(`connecting by postgresql://u:${secret}@h failed`),
    )
    fc.assert(
      fc.property(
        secret,
        holders,
        fc.jsonValue({ depthSize: 'small' }),
        fc.array(fc.constantFrom('a', 'b', 'columns', 'items'), { maxLength: 4 }),
        (secret, hold, beside, path) => {
          const value = path.reduce<unknown>((inner, step) => ({ beside, [step]: inner }), hold(secret))
          expect(outputsOf(redact(value)).join('\n')).not.toContain(secret)
        },
      ),
    )
  })
})

/** Puts a secret into a value: as a value, within a text, as a key, in its encodings. */
function seed(value: unknown, secret: string, roll: () => number): unknown {
  const forms = [
    secret,
    `before ${secret} after`,
    encodeURIComponent(secret),
    { [secret]: 1 },
    [secret],
    { deep: { deeper: [secret] } },
    new Error(secret),
    new Map([[secret, secret]]),
    new Set([secret]),
    Symbol(secret),
  ]
  const form = forms[roll()]
  if (Array.isArray(value) && roll() > 2) return [...value.map(item => (roll() > 5 ? seed(item, secret, roll) : item)), form]
  if (typeof value === 'object' && value !== null && roll() > 2) {
    const entries = Object.entries(value).map(([key, item]) => [key, roll() > 5 ? seed(item, secret, roll) : item])
    return { ...Object.fromEntries(entries), [`k${roll()}`]: form }
  }
  return [value, form]
}

/** A value as logs and terminals would show it. */
function outputsOf(value: unknown): string[] {
  return [inspect(value, { depth: 20, showHidden: true, maxArrayLength: 1000, maxStringLength: 100_000 }), ...textsOf(value, new Set())]
}

function textsOf(value: unknown, seen: Set<unknown>): string[] {
  if (typeof value === 'string') return [value]
  if (typeof value !== 'object' || value === null) return [String(value)]
  // Not by String(): its toString may be no function.
  if (seen.has(value)) return []
  seen.add(value)
  const names = Object.getOwnPropertyNames(value)
  return names.flatMap(name => [name, ...textsOf((value as Record<string, unknown>)[name], seen)])
}

describe('findSecrets', () => {
  it('takes what stands under secret keys, and passwords in URLs and connection strings, as written and as meant', () => {
    const found = findSecrets({
      url: 'postgres://u:p%40ss%2Fword@h/d',
      dsn: String.raw`host=h password='it\'s' sslpassword=xyz1`,
      from: { sasl: { mechanism: 'plain', username: 'app', password: 'pw-1' }, ssl: { key: 'kkkk', ca: 'cccc' } },
      options: { token: 'tok-1', pin: { password: 1234 }, list: [{ secret: 'sec-1' }] },
      hook: 'https://h/x?token=tok-2',
    })
    expect([...found].sort()).toEqual(
      ['p%40ss%2Fword', 'p@ss/word', String.raw`it\'s`, "it's", 'xyz1', 'pw-1', 'kkkk', 'tok-1', '1234', 'sec-1', 'tok-2'].sort(),
    )
  })

  it('does not take the type of a column that is called token for one', () => {
    expect([
      ...findSecrets({
        table: { columns: { token: 'text', password: { type: 'varchar(40)' } } },
        schema: { properties: { secret: { type: 'string' } } },
      }),
    ]).toEqual([])
  })
})

it('takes where a shell stands for no secret', () => {
  const env = { PWD: '/home/of/somebody', OLDPWD: '/home/of/another', DB_PWD: 'a long password' }
  expect(secretsOfEnvironment(env)).toEqual(['a long password'])
})
