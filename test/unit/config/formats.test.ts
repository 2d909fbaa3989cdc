import { symlink } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import type { PipelineKind } from '../../../src/config/kind.js'
import { loadConfig } from '../../../src/config/load-config.js'
import { definePipeline, MillraceError, memorySink, memorySource } from '../../../src/index.js'
import { directoryWith, failureOf } from '../../harness/config-files.js'
import { root } from '../../harness/source-files.js'

/** Records nothing: what is tried here is how its options are read. */
const nothing: PipelineKind = {
  name: 'nothing',
  summary: 'Does nothing.',
  schema: {
    type: 'object',
    additionalProperties: false,
    properties: { text: { type: 'string' }, count: { type: 'integer' }, list: { type: 'array' }, on: { type: 'boolean' } },
  },
  make: async name => definePipeline({ name, source: memorySource([]), steps: records => records, sink: memorySink(), onFailure: 'halt' }),
}

const load = (file: string) => loadConfig(file, { kinds: [nothing], env: { WHO: 'Ada', COUNT: '3', ON: 'true' } })

const options = { use: 'nothing', text: 'hello, ${WHO}', count: '${COUNT}', list: [1, 'two', { three: null }], on: '${ON}' }
const pipelineModule = `
import { definePipeline, memorySink, memorySource } from 'millrace'
export const pipeline = (name: string) =>
  definePipeline({ name, source: memorySource([]), steps: records => records, sink: memorySink(), onFailure: 'halt' })
`

describe('a config', () => {
  it.each([
    ['json', JSON.stringify({ $schema: './schema.json', pipelines: { a: options }, hints: ['${WHO}'] })],
    ['json', `\uFEFF${JSON.stringify({ pipelines: { a: options }, hints: ['${WHO}'] })}`],
    [
      'yaml',
      'pipelines:\n  a: &a\n    use: nothing\n    text: hello, ${WHO}\n    count: ${COUNT}\n    list: [1, two, { three: null }]\n    on: "${ON}"\nhints:\n  - ${WHO}\n',
    ],
    [
      'yml',
      '%YAML 1.2\n---\npipelines: { a: { use: nothing, text: "hello, ${WHO}", count: 3, list: [1, two, {three: ~}], on: true } }\nhints: ["${WHO}"]',
    ],
    [
      'ts',
      `import { defineConfig } from 'millrace'\nconst list: unknown[] = [1, 'two', { three: null }]\nexport default defineConfig({ pipelines: { a: { use: 'nothing', ...({ text: 'hello, \${WHO}', count: 3, list, on: true } as object) } }, hints: ['Ada'] })`,
    ],
    [
      'mts',
      `enum Size { Small = 3 }\nexport default { pipelines: { a: { use: 'nothing', text: 'hello, Ada', count: Size.Small, list: [1, 'two', { three: null }], on: true } }, hints: ['Ada'] }`,
    ],
    ['js', `export default { pipelines: { a: ${JSON.stringify(options)} }, hints: ['\${WHO}'] }`],
    ['js', `module.exports = { pipelines: { a: ${JSON.stringify(options)} }, hints: ['\${WHO}'] }`],
    [
      'mjs',
      `const config = await Promise.resolve({ pipelines: { a: ${JSON.stringify(options)} }, hints: ['\${WHO}'] })\nexport default config`,
    ],
  ])('in %s is read, with its values and defaults put in', async (ending, text) => {
    const directory = await directoryWith({ [`millrace.config.${ending}`]: text })
    const loaded = await load(join(directory, `millrace.config.${ending}`))
    expect(loaded.config).toEqual({
      pipelines: { a: { use: 'nothing', text: 'hello, Ada', count: 3, list: [1, 'two', { three: null }], on: true } },
      log: { level: 'info', format: 'auto' },
      hints: ['Ada'],
    })
    expect(loaded).toMatchObject({ directory, file: join(directory, `millrace.config.${ending}`), names: ['a'] })
    expect((await loaded.pipeline('a')).name).toBe('a')
  })

  it('in TOML has its times as texts', async () => {
    const text =
      '"$schema" = "x"\nhints = ["${WHO}", "$${WHO}"]\n[pipelines.a]\nuse = "nothing"\ncount = 3\non = true\nlist = [2026-01-31T00:00:00Z, 1]\n'
    const directory = await directoryWith({ 'millrace.config.toml': text })
    expect((await load(join(directory, 'millrace.config.toml'))).config).toMatchObject({
      pipelines: { a: { count: 3, on: true, list: [expect.stringMatching(/^2026-01-31T00:00:00/), 1] } },
      hints: ['Ada', '${WHO}'],
    })
  })

  it('in YAML may use anchors and merge them', async () => {
    const text = 'pipelines:\n  a: &a { use: nothing, text: x, count: 1 }\n  b: { <<: *a, count: 2 }\n'
    const directory = await directoryWith({ 'millrace.config.yaml': text })
    expect((await load(join(directory, 'millrace.config.yaml'))).config.pipelines).toEqual({
      a: { use: 'nothing', text: 'x', count: 1 },
      b: { use: 'nothing', text: 'x', count: 2 },
    })
  })

  it('in TypeScript gets this very package as millrace, in modules that it imports too', async () => {
    const directory = await directoryWith({
      'package.json': { type: 'module' },
      'millrace.config.ts': `
        import { MillraceError } from 'millrace'
        import { pipeline } from './pipelines/made.js'
        export default { pipelines: { made: pipeline('made'), given: { use: './pipelines/given.ts', options: { error: MillraceError } } } }`,
      'pipelines/made.ts': pipelineModule,
      'pipelines/given.ts': `
        import { MillraceError } from 'millrace'
        import { pipeline } from './made.ts'
        export default async (options: { error: unknown }, { name, directory }: { name: string; directory: string }) => {
          if (options.error !== MillraceError) throw new Error('two copies')
          if (!directory.startsWith('/')) throw new Error(directory)
          return pipeline(name)
        }`,
    })
    const loaded = await load(join(directory, 'millrace.config.ts'))
    expect(loaded.names).toEqual(['made', 'given'])
    for (const name of loaded.names) expect(await (await loaded.pipeline(name)).start().finished).toMatchObject({ delivered: 0 })
    // The plan of a pipeline is known only to the copy that made it.
    const { planOf } = await import('../../../src/runtime/start.js')
    expect(planOf(await loaded.pipeline('given')).name).toBe('given')
  })

  it('gets this very package where the project has another by that name', async () => {
    const directory = await directoryWith({
      'node_modules/millrace/package.json': { name: 'millrace', type: 'module', exports: './index.js' },
      'node_modules/millrace/index.js': 'throw new Error("the other one")',
      'millrace.config.ts': pipelineModule.replace('export const', 'const') + `export default { pipelines: { p: pipeline('p') } }`,
    })
    expect((await load(join(directory, 'millrace.config.ts'))).names).toEqual(['p'])
    const linked = await directoryWith({
      'millrace.config.mjs': `import { MillraceError } from 'millrace'\nexport default { pipelines: {}, hints: [String(new MillraceError('MILL_JOIN_EMPTY', {}))] }`,
      'node_modules/file': '',
    })
    await symlink(root, join(linked, 'node_modules/millrace'))
    expect((await load(join(linked, 'millrace.config.mjs'))).config.hints).toEqual([String(new MillraceError('MILL_JOIN_EMPTY', {}))])
  })

  it('keeps what it compiled beside the packages of the project, and nowhere else', async () => {
    const { readdir } = await import('node:fs/promises')
    const { tmpdir } = await import('node:os')
    const before = await readdir(tmpdir())
    const bare = await directoryWith({ 'millrace.config.ts': 'export default { pipelines: {} as object }' })
    const withPackages = await directoryWith({
      'node_modules/file': '',
      'a/millrace.config.ts': 'export default { pipelines: {} as object }',
    })
    await load(join(bare, 'millrace.config.ts'))
    await load(join(withPackages, 'a/millrace.config.ts'))
    expect(await readdir(bare)).toEqual(['millrace.config.ts'])
    expect(await readdir(join(withPackages, 'node_modules/.cache/millrace'))).toHaveLength(1)
    expect((await readdir(tmpdir())).filter(name => name.startsWith('jiti') && !before.includes(name))).toEqual([])
  })

  it('of a package is found where the project has it', async () => {
    const directory = await directoryWith({
      'node_modules/@acme/orders/package.json': { name: '@acme/orders', type: 'module', exports: './index.js' },
      'node_modules/@acme/orders/index.js': `export default (options, { name }) => ({ name, source: options, start() {} })`,
      'a/millrace.config.json': { pipelines: { orders: { use: '@acme/orders', options: { who: '${WHO}' } } } },
    })
    expect(await (await load(join(directory, 'a/millrace.config.json'))).pipeline('orders')).toMatchObject({ source: { who: 'Ada' } })
  })
})

describe('a config that cannot be read', () => {
  it.each([
    ['json', '{"pipelines": {\n  "a": }\n}', /line 2, column 8/],
    ['json', '', /Unexpected end/],
    ['yaml', 'pipelines:\n  a: [1, 2\nb: 3\n', /line [23]/],
    ['yaml', 'pipelines: {}\npipelines: {}\n', /unique/],
    ['yaml', 'a: !secret x\n', /Unresolved tag/],
    ['yaml', 'a: 1\n---\nb: 2\n', /multiple documents|document/],
    ['toml', 'pipelines = {\n', /Invalid TOML/],
    ['ts', 'export default { pipelines: ', /Unexpected token .*millrace\.config\.ts:1:28/],
    ['ts', `import './nope.js'\nexport default {}`, /nope/],
    ['ts', `\n\nthrow new Error('the database is on fire')`, /the database is on fire \(millrace\.config\.ts:3\)$/],
    ['mjs', `import { memorySource } from 'millrace'\nmemorySource(5)`, /\(millrace\.config\.mjs:2\)$/],
    ['js', `import { nothing } from 'millrace/nothing'\nexport default {}`, /millrace\/nothing/],
    ['ts', `import { table } from 'millrace'\ntable('t', c => ({ a: c.varchar(0) }))`, /varchar: expected n to be/],
  ])('in %s says what and where: %s', async (ending, text, expected) => {
    const file = join(await directoryWith({ [`millrace.config.${ending}`]: text }), `millrace.config.${ending}`)
    const error = (await failureOf(load(file))) as MillraceError
    expect(error).toMatchObject({ code: 'MILL_CONFIG_UNREADABLE', retryable: false })
    expect(error.message).toMatch(expected)
    expect(error.message).toContain(file)
    expect(error.message).not.toMatch(/Require stack|which failed/)
    expect(error.cause).toBeInstanceOf(Error)
  })

  it.each(['mjs', 'ts'])('says where in %s, also in a directory whose name is no part of a URL', async ending => {
    const file = `100% (of it)/at 5/c.${ending}`
    const directory = await directoryWith({ [file]: `\nthrow new Error('on fire')` })
    const nested = await directoryWith({ [`100% of it/c.${ending}`]: `\nthrow new Error('on fire')` })
    // A parenthesis ends what Node's stack has of a place: then none is named.
    expect(((await failureOf(load(join(directory, file)))) as Error).message).toMatch(/cannot be read: on fire$/)
    expect(((await failureOf(load(join(nested, `100% of it/c.${ending}`)))) as Error).message).toContain(`on fire (c.${ending}:2)`)
  })

  it('does not show what the environment holds of secrets, though its code does', async () => {
    const directory = await directoryWith({ 'c.mjs': `throw new Error('no way in with hunter22-x')` })
    const error = (await failureOf(loadConfig(join(directory, 'c.mjs'), { kinds: [], env: { DB_PASSWORD: 'hunter22-x' } }))) as Error
    expect(error.message).toMatch(/cannot be read: no way in with \*\*\* \(c\.mjs:1\)$/)
  })

  it('is missing, or of a format that is not known', async () => {
    const directory = await directoryWith({ 'config.ini': '' })
    expect(await failureOf(load(join(directory, 'none.json')))).toMatchObject({ code: 'MILL_CONFIG_MISSING' })
    expect(await failureOf(load(join(directory, 'none.ts')))).toMatchObject({ code: 'MILL_CONFIG_MISSING' })
    expect(await failureOf(load(join(directory, 'config.ini')))).toMatchObject({
      code: 'MILL_CONFIG_UNREADABLE',
      message: expect.stringContaining('none of ts, mts, js, mjs, json, toml, yaml, yml'),
    })
  })

  it.each([
    ['yaml', ''],
    ['json', 'null'],
    ['json', '[]'],
    ['ts', 'export default 1'],
    ['ts', 'export const other = 1'],
    ['toml', ''],
  ])('in %s holds no pipelines: %j', async (ending, text) => {
    const file = join(await directoryWith({ [`c.${ending}`]: text }), `c.${ending}`)
    const error = (await failureOf(load(file))) as { problems: { path: string }[] }
    expect(error).toMatchObject({ code: 'MILL_CONFIG_INVALID', file })
    expect(error.problems.length).toBeGreaterThan(0)
  })
})
