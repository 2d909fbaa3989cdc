import { Ajv } from 'ajv'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { configSchema, type JsonSchema } from '../../../src/config/config-schema.js'
import { fitsSchema } from '../../../src/config/fits-schema.js'
import { kinds } from '../../../src/pipelines/kinds.js'

const fits = (schema: JsonSchema, value: unknown) => fitsSchema(schema, value, new Set())

const config = {
  $schema: 'x',
  pipelines: {
    a: {
      use: 'files-to-postgres',
      paths: ['x'],
      format: 'csv',
      schema: { type: 'object' },
      table: {
        name: 't',
        columns: { id: { type: 'integer', key: true }, tags: 'text[]', at: { type: 'timestamptz', default: { sql: 'now()' } } },
        extra: 'ignore',
      },
      database: { connection: 'postgres://x', maxConnections: 3 },
      write: { mode: 'upsert', merge: ['tags'], batch: { maxRecords: 5, maxWaitMs: 0 } },
      limits: { stopAt: { failures: 1, withinMs: 1 }, maxInFlight: 10 },
      toRow: './x.ts',
    },
    b: {
      use: 'topic-to-postgres',
      from: {
        brokers: 'a:1',
        topics: ['t'],
        groupId: 'g',
        ssl: true,
        sasl: { mechanism: 'plain', username: 'u', password: 'p' },
        sessionTimeoutMs: 1_000,
      },
      table: { name: 't', columns: { id: 'varchar(5)' } },
      database: { embedded: 'x' },
      limits: { stopAt: null },
    },
    c: { use: './x.ts', options: { any: [1] } },
  },
  monitoring: { host: 'x', port: 0 },
  log: { level: 'info' },
  restart: { maxInARow: null },
  hints: ['x'],
}

/** All places of a value, the value itself included. */
function placesOf(value: unknown, path: readonly string[] = []): (readonly string[])[] {
  const within =
    typeof value === 'object' && value !== null ? Object.entries(value).flatMap(([key, item]) => placesOf(item, [...path, key])) : []
  return [path, ...within]
}

/** A copy with another value, or nothing, at a place. */
function changed(value: unknown, [step, ...rest]: readonly string[], to: unknown): unknown {
  if (step === undefined) return to
  const copy = (Array.isArray(value) ? [...value] : { ...(value as object) }) as Record<string, unknown>
  if (rest.length === 0 && to === undefined) delete copy[step]
  else copy[step] = changed(copy[step], rest, to)
  return copy
}

describe('fitsSchema', () => {
  it('finds a config right that is', () => {
    expect(fits(configSchema(kinds), config)).toBe(true)
  })

  it('says of a config that was changed anywhere what ajv says', () => {
    const schema = configSchema(kinds)
    const validate = new Ajv({ strict: false }).compile(schema)
    const places = placesOf(config)
    const value = fc.oneof(
      fc.constantFrom<unknown>(
        undefined,
        null,
        '',
        'x',
        0,
        -1,
        1.5,
        70_000,
        true,
        [],
        {},
        ['x'],
        [5],
        { use: 5 },
        'files-to-postgres',
        'topic-to-postgres',
        'postgres://h',
        'integer[]',
        'varchar(0)',
        'upsert',
        'earliest',
      ),
      fc.constantFrom(...places).map(path => path.reduce<unknown>((at, step) => (at as Record<string, unknown>)[step], config)),
      fc.jsonValue(),
    )
    let right = 0
    fc.assert(
      fc.property(fc.array(fc.tuple(fc.constantFrom(...places), value, fc.boolean()), { minLength: 1, maxLength: 2 }), changes => {
        let given: unknown = config
        for (const [path, to, asNewKey] of changes) {
          const at = path
            .slice(0, -1)
            .reduce<unknown>(
              (at, step) => (typeof at === 'object' && at !== null ? (at as Record<string, unknown>)[step] : undefined),
              given,
            )
          if (typeof at !== 'object' || at === null) continue
          given = changed(given, asNewKey ? [...path.slice(0, -1), 'extra'] : path, to)
        }
        // JSON has no holes and no undefined.
        given = JSON.parse(JSON.stringify(given ?? null))
        const expected = validate(given)
        if (expected) right++
        expect(fits(schema, given)).toBe(expected)
      }),
      { numRuns: 2_000 },
    )
    expect(right).toBeGreaterThan(50)
  })

  it('does not judge what it does not know', () => {
    expect(fits({ type: 'string', format: 'date' }, '2026-01-31')).toBe(false)
    expect(fits({ $ref: '#/definitions/none' }, 1)).toBe(false)
    expect(fits({ type: 'object', patternProperties: {} }, {})).toBe(false)
  })

  it('puts numbers and booleans in the place of texts that it is told of, and of no others', () => {
    const schema: JsonSchema = {
      properties: {
        a: { type: 'integer', maximum: 5 },
        b: { type: ['boolean', 'null'] },
        c: { items: { type: 'number' } },
        d: { type: ['string', 'number'] },
      },
    }
    const value = { a: '4', b: 'true', c: ['1e3', 2], d: '7' }
    expect(fitsSchema(schema, value, new Set(['a', 'b', 'c[0]', 'd']))).toBe(true)
    expect(value).toEqual({ a: 4, b: true, c: [1000, 2], d: '7' })
    expect(fitsSchema(schema, { a: '4' }, new Set())).toBe(false)
    expect(fitsSchema(schema, { a: '6' }, new Set(['a']))).toBe(false)
    expect(fitsSchema(schema, { a: 'four' }, new Set(['a']))).toBe(false)
  })
})
