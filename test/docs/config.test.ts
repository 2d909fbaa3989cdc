import { join } from 'node:path'
import { Ajv } from 'ajv'
import { describe, expect, it } from 'vitest'
import { configSchema, type JsonSchema } from '../../src/config/config-schema.js'
import { loadConfig } from '../../src/config/load-config.js'
import { kinds } from '../../src/pipelines/kinds.js'
import { directoryWith } from '../harness/config-files.js'
import { codeBlocks } from '../harness/pages.js'
import { fileAt } from '../harness/source-files.js'

const page = fileAt('docs/config.md')
const schema = configSchema(kinds)
const signup = {
  type: 'object',
  properties: { id: { type: 'integer' }, email: { type: 'string' }, plan: { type: 'string' } },
  required: ['id', 'email'],
  additionalProperties: false,
}

/** Every schema within a schema that has properties, with the path that leads there. */
function* withProperties(of: JsonSchema, path: string): Generator<readonly [path: string, of: JsonSchema]> {
  if (of.properties) yield [path, of]
  const inner = { ...of.properties, ...(of['definitions'] as object | undefined), '<name>': of['additionalProperties'] }
  for (const [key, value] of Object.entries(inner)) {
    if (typeof value === 'object' && value !== null) yield* withProperties(value as JsonSchema, `${path}/${key}`)
  }
}

describe('docs/config.md', () => {
  it('is what the build makes of the schema', async () => {
    const { withReference } = (await import(new URL('../../scripts/config-docs.js', import.meta.url).href)) as {
      withReference(page: string, schema: object): string
    }
    expect(page.text).toBe(withReference(page.text, schema))
  })

  it('names every key of the schema', () => {
    const named = new Set([...page.text.matchAll(/^\| \*{0,2}`([^`]+)`/gm)].map(([, key]) => key!.split('.').at(-1)!))
    const keys = [...withProperties(schema, '')].flatMap(([, { properties }]) => Object.keys(properties!))
    expect(keys.filter(key => !named.has(key))).toEqual([])
  })

  it('has examples that can be used as they stand, and all say the same', async () => {
    const [reference] = codeBlocks(page).filter(({ info }) => info === 'ts')
    const examples = codeBlocks(page).filter(({ info }) => ['yaml', 'toml'].includes(info))
    const configs: object[] = []
    for (const { info, code } of [reference!, ...examples]) {
      const directory = await directoryWith({ [`millrace.config.${info}`]: code, 'signup.schema.json': signup })
      const { config } = await loadConfig(join(directory, `millrace.config.${info}`), {
        kinds,
        env: { DATABASE_URL: 'postgres://app:secret@localhost/app' },
      })
      configs.push(config)
    }
    expect(configs).toHaveLength(3)
    expect(configs[0]).toMatchObject({
      pipelines: { signups: { database: { connection: 'postgres://app:secret@localhost/app' } } },
      monitoring: { host: '127.0.0.1', port: 9464 },
    })
    for (const config of configs) expect(config).toEqual(configs[0])
  })
})

describe('the schema of the config', () => {
  it('is valid JSON Schema, draft-07, without a word that the draft does not know', () => {
    const ajv = new Ajv({ strict: true, strictTypes: false, strictRequired: false, allowUnionTypes: true })
    expect(ajv.validateSchema(schema), JSON.stringify(ajv.errors)).toBe(true)
    expect(() => ajv.compile(schema)).not.toThrow()
  })

  it('says of each key what it means, and refuses all others', () => {
    for (const [path, of] of withProperties(schema, '')) {
      if (path !== '/pipeline') expect([path, typeof of['additionalProperties']]).not.toEqual([path, 'undefined'])
      for (const [key, property] of Object.entries(of.properties!)) {
        expect([`${path}/${key}`, property['description'] ?? property['const']]).toEqual([`${path}/${key}`, expect.any(String)])
      }
    }
  })

  it('has defaults that it accepts itself', () => {
    const ajv = new Ajv({ strict: false })
    for (const [path, of] of withProperties(schema, '')) {
      for (const [key, property] of Object.entries(of.properties!)) {
        if (!('default' in property)) continue
        expect([path, key, ajv.validate({ ...property, definitions: schema['definitions'] }, property['default'])]).toEqual([
          path,
          key,
          true,
        ])
      }
    }
  })

  it('judges by itself, as editors do, what may stand under use', () => {
    const validate = new Ajv({ strict: false, allErrors: true }).compile(schema)
    const files = {
      use: 'files-to-postgres',
      paths: 'x',
      format: 'csv',
      table: { name: 't', columns: { id: 'integer' } },
      database: { embedded: 'x' },
    }
    expect(
      validate({ $schema: 'x', pipelines: { a: files, b: { use: './b.ts', options: { any: ['thing'] } }, c: { use: 'some-package' } } }),
    ).toBe(true)
    for (const wrong of [
      { ...files, format: 'xml' },
      { ...files, pathes: 1 },
      { use: './b.ts', paths: 'x' },
      { ...files, use: 'topic-to-postgres' },
      {},
    ]) {
      expect(validate({ pipelines: { wrong } })).toBe(false)
    }
  })
})
