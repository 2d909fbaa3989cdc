import { Type } from '@sinclair/typebox'
import { type } from 'arktype'
import { from } from 'rxjs'
import * as v from 'valibot'
import { describe, expect, it } from 'vitest'
import { z } from 'zod'
import { delay } from '../../../src/core/clock.js'
import type { MillraceError } from '../../../src/core/errors.js'
import type { Operator } from '../../../src/core/operator.js'
import { validate } from '../../../src/operators/validate.js'
import { behavesAsOperator } from '../../harness/marbles.js'
import { ManualClock, Records } from '../../harness/records.js'

interface Order {
  readonly id: number
  readonly items: readonly { readonly sku: string }[]
}

const jsonSchema = {
  type: 'object',
  required: ['id', 'items'],
  additionalProperties: false,
  properties: {
    id: { type: 'integer' },
    items: { type: 'array', items: { type: 'object', required: ['sku'], properties: { sku: { type: 'string' } } } },
  },
} as const

const schemas: Readonly<Record<string, Operator<unknown, unknown>>> = {
  'JSON Schema': validate(jsonSchema),
  'draft-07': validate({ $schema: 'http://json-schema.org/draft-07/schema#', ...jsonSchema }),
  '2020-12': validate({ $schema: 'https://json-schema.org/draft/2020-12/schema', ...jsonSchema } as never),
  TypeBox: validate(Type.Object({ id: Type.Integer(), items: Type.Array(Type.Object({ sku: Type.String() })) })),
  zod: validate(z.object({ id: z.int(), items: z.array(z.object({ sku: z.string() })) })),
  valibot: validate(v.object({ id: v.pipe(v.number(), v.integer()), items: v.array(v.object({ sku: v.string() })) })),
  arktype: validate(type({ id: 'number.integer', items: type({ sku: 'string' }).array() })),
}

function run(operator: Operator<unknown, unknown>, values: readonly unknown[]): Records {
  const records = new Records()
  from(records.records(values))
    .pipe(operator)
    .subscribe(record => records.deliver(record))
  return records
}

const problemsOf = (records: Records) => (records.errorOf('0') as MillraceError<'MILL_VALUE_INVALID'>).details.problems

describe('validate', () => {
  const order = (id: number): Order => ({ id, items: [{ sku: `s${id}` }] })

  describe.each(Object.entries(schemas))('by %s', (_, operator) => {
    behavesAsOperator<unknown, unknown>({
      operator,
      inputs: [order(1), order(2), order(3)],
      outputs: [order(1), order(2), order(3)],
      failing: { id: 1 },
      stage: 'validate',
    })

    it('lists every place that is wrong as a JSON pointer', () => {
      const records = run(operator, [{ id: 'x', items: [{ sku: 'a' }, { sku: 7 }] }])
      expect(records.told).toEqual({ 0: 'failed MILL_VALUE_INVALID in validate' })
      expect(problemsOf(records).map(({ path }) => path)).toEqual(['/id', '/items/1/sku'])
    })

    it('is synchronous: makes no promise and began nothing', () => {
      expect(run(operator, [order(1)])).toMatchObject({ mostWorking: 0, values: [order(1)] })
    })
  })

  describe('by JSON Schema', () => {
    it('says it in words', () => {
      const schema = {
        type: 'object',
        required: ['a', 'b/c'],
        additionalProperties: false,
        properties: {
          a: { type: 'string' },
          'b/c': {},
          plan: { enum: ['free', 'pro'] },
          n: { const: 1 },
          at: { type: 'string', format: 'date-time' },
        },
      } as const
      expect(run(validate(schema), [{ plan: 'x', n: 2, emial: 1, at: 'yesterday' }]).errorOf('0')).toHaveProperty(
        'message',
        '/a is required; /b~1c is required; /emial is not a known property; /plan must be one of ["free","pro"]; /n must be 1; /at must match format "date-time"',
      )
      expect(run(validate({ type: 'string' }), [1]).errorOf('0')).toHaveProperty('message', 'value must be string')
    })

    it('changes no value: defaults and coercion are off', () => {
      const value = Object.freeze({ id: '1' })
      const schema = {
        type: 'object',
        properties: { id: { type: ['string', 'integer'] }, plan: { type: 'string', default: 'free' } },
      } as const
      expect(run(validate(schema), [value]).values[0]).toBe(value)
      expect(run(validate({ type: 'integer' }), ['1']).told).toEqual({ 0: 'failed MILL_VALUE_INVALID in validate' })
    })

    it('bounds the list of a value that is wrong in very many places', () => {
      const problems = problemsOf(run(validate({ type: 'array', items: { type: 'string' } }), [Array(1_000).fill(1)]))
      expect(problems).toHaveLength(101)
      expect(problems.at(-1)).toEqual({ path: '', message: 'has 900 more problems' })
    })

    it.each([
      [{ type: 'objekt' }, /type/],
      [{ type: 'object', propertis: {} }, /unknown keyword: "propertis"/],
      [{ type: 'string', format: 'emial' }, /unknown format "emial"/],
      [{ $ref: 'https://elsewhere.example/schema' }, /can't resolve reference/],
      [{ $schema: 'http://json-schema.org/draft-04/schema#' }, /2020-12 and draft-07 are known/],
      [{ $async: true, type: 'string' }, /\$async/],
      [null, /got null/],
      ['string', /got "string"/],
    ])('refuses %j at definition', (schema, message) => {
      expect(() => validate(schema as never)).toThrow(
        expect.objectContaining({ code: 'MILL_SCHEMA_INVALID', message: expect.stringMatching(message) }),
      )
    })

    it('reads tuples as each draft writes them', () => {
      const tuple = { $schema: 'http://json-schema.org/draft-07/schema#', items: [{ type: 'string' }, { type: 'number' }] }
      expect(run(validate(tuple as never), [['a', 1]]).values).toEqual([['a', 1]])
      expect(run(validate({ prefixItems: [{ type: 'string' }] } as never), [[1]]).told).toEqual({
        0: 'failed MILL_VALUE_INVALID in validate',
      })
    })

    it('fails a record of a recursive schema that is nested too deeply, and not the run', () => {
      const schema = { $id: 'tree', type: 'object', properties: { child: { $ref: 'tree' } } }
      let tree: object = {}
      for (let i = 0; i < 100_000; i++) tree = { child: tree }
      expect(run(validate(schema as never), [tree, {}]).told).toEqual({
        0: expect.stringMatching(/^failed Maximum call stack/),
        1: 'delivered {}',
      })
    })
  })

  describe('by a Standard Schema', () => {
    it('gives its output: defaults and transforms apply', () => {
      const schema = z.object({ id: z.coerce.number(), plan: z.string().default('free') })
      expect(run(validate(schema), [{ id: '7' }]).values).toEqual([{ id: 7, plan: 'free' }])
    })

    it('that is asynchronous keeps the order of the source, with at most 16 pending', async () => {
      const clock = new ManualClock()
      const records = new Records(clock)
      const schema = z.number().refine(async value => (await delay(clock, 100 - value), value % 10 !== 0), 'ends with 0')
      let isComplete = false
      from(records.records(Array.from({ length: 40 }, (_, i) => i + 1)))
        .pipe(validate(schema))
        .subscribe({ next: record => records.deliver(record), complete: () => (isComplete = true) })
      await clock.advance()
      expect(records.mostWorking).toBe(16)
      expect(records.values).toEqual(Array.from({ length: 40 }, (_, i) => i + 1).filter(value => value % 10 !== 0))
      expect(records.told[9]).toBe('failed MILL_VALUE_INVALID in validate')
      expect(isComplete).toBe(true)
    })

    it('fails the record for which it throws', () => {
      const schema = {
        '~standard': {
          version: 1,
          vendor: 'test',
          validate: () => {
            throw new Error('broken schema')
          },
        },
      } as const
      expect(run(validate(schema), [1]).told).toEqual({ 0: 'failed broken schema in validate' })
    })
  })
})
