import type { StandardSchemaV1 } from '@standard-schema/spec'
import type { FromSchema, JSONSchema } from 'json-schema-to-ts'
import { MillraceError } from '../core/errors.js'
import type { Operator } from '../core/operator.js'
import { shown } from '../core/options.js'
import { valueOperator } from '../core/value-operator.js'
import { Handling } from './handling.js'
import { jsonSchemaCheck } from './json-schema.js'
import { type Problem, pointerTo, valueInvalid } from './problems.js'
import { isThenable } from './result.js'
import { workOperator } from './work-operator.js'

/** What `validate` takes: a Standard Schema (zod, valibot, arktype), a TypeBox schema, or a JSON Schema (stored in a constant: `as const`). */
export type Schema = StandardSchemaV1 | { readonly static: unknown } | JSONSchema
/** The type of the values that a schema lets pass. */
export type Valid<S> = S extends StandardSchemaV1
  ? StandardSchemaV1.InferOutput<S>
  : S extends { readonly static: infer T }
    ? T
    : S extends JSONSchema
      ? FromSchema<S>
      : never

/** How many records an asynchronous schema has in hand at once. */
const MAX_PENDING = 16

/**
 * Lets pass what fits the schema, typed by it. The rest fails with stage `validate` and `MILL_VALUE_INVALID`, which lists every place that is wrong as
 * a JSON pointer: `/items/0/sku must be string; /total is required`.
 *
 * A JSON Schema (2020-12, or draft-07 by its `$schema`) is compiled once, here, by ajv; it checks formats and never changes a value. A Standard
 * Schema gives its own output: defaults, transforms and coercions apply. One that is asynchronous keeps the order of the source, with at most 16
 * records pending, and waits for infrastructure that is away as `handle` does.
 *
 * @throws {MillraceError} `MILL_SCHEMA_INVALID` at definition, with what ajv says.
 */
export function validate<const S extends Schema>(schema: S): Operator<unknown, Valid<S>> {
  return isStandardSchema(schema) ? byStandardSchema(schema) : byJsonSchema(schema)
}

function isStandardSchema(schema: unknown): schema is StandardSchemaV1 {
  // arktype's are functions.
  if ((typeof schema !== 'object' && typeof schema !== 'function') || schema === null) return false
  return typeof (schema as Partial<StandardSchemaV1>)['~standard']?.validate === 'function'
}

function byJsonSchema<Out>(schema: unknown): Operator<unknown, Out> {
  if ((typeof schema !== 'object' && typeof schema !== 'boolean') || schema === null) {
    throw new MillraceError('MILL_SCHEMA_INVALID', { reason: `expected a JSON Schema or a Standard Schema, got ${shown(schema)}` })
  }
  const check = jsonSchemaCheck(schema)
  return valueOperator('validate', () => [
    value => {
      const problems = check(value)
      if (problems !== null) throw valueInvalid(problems)
      return value
    },
  ])
}

function byStandardSchema<Out>(schema: StandardSchemaV1): Operator<unknown, Out> {
  const standard = schema['~standard']
  return workOperator(
    'validate',
    out =>
      new Handling<unknown, Out>(
        {
          stage: 'validate',
          run: record => {
            const result = standard.validate(record.value)
            return isThenable(result) ? result.then(outputOf) : outputOf(result)
          },
          concurrency: MAX_PENDING,
          order: 'source',
          keyOf: () => null,
        },
        out,
      ),
  )
}

function outputOf(result: StandardSchemaV1.Result<unknown>): unknown {
  if (result.issues === undefined) return result.value
  throw valueInvalid(result.issues.map(problemOf))
}

function problemOf({ path = [], message }: StandardSchemaV1.Issue): Problem {
  const steps = path.map(step => (typeof step === 'object' && step !== null ? step.key : step))
  return { path: pointerTo(steps), message }
}
