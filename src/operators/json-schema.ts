import { existsSync } from 'node:fs'
import { createRequire } from 'node:module'
import { fileURLToPath } from 'node:url'
import type { Ajv, ErrorObject, Options, ValidateFunction } from 'ajv'
import { MillraceError } from '../core/errors.js'
import { codeRoot } from '../core/package-files.js'
import { quickLengths } from './json-schema-lengths.js'
import { type Problem, pointerTo } from './problems.js'

/**
 * Compiles a JSON Schema: 2020-12, or draft-07 where its `$schema` says so. Formats are checked; unknown keywords and formats are errors, so that a
 * misspelled rule does not pass everything. Values are looked at and never changed.
 *
 * @returns A function that gives the problems of a value; null where there are none.
 * @throws {MillraceError} `MILL_SCHEMA_INVALID`.
 */
export function jsonSchemaCheck(schema: object | boolean): (value: unknown) => Problem[] | null {
  const validate = compiled(schema)
  return value => (validate(value) ? null : (validate.errors ?? []).map(problemOf))
}

/** Steps are made anew for each run; 25 ms of compiling are not. */
const known = new WeakMap<object, ValidateFunction>()

function compiled(schema: object | boolean): ValidateFunction {
  if (typeof schema === 'boolean') return compile(schema)
  const validate = known.get(schema) ?? compile(schema)
  known.set(schema, validate)
  return validate
}

const options: Options = {
  allErrors: true,
  logger: false,
  strictSchema: true,
  strictNumbers: true,
  // Valid schemas in daily use: `properties` without `type`, unions of types, tuples without `minItems`.
  strictTypes: false,
  strictTuples: false,
  strictRequired: false,
  allowUnionTypes: true,
}

function compile(schema: object | boolean): ValidateFunction {
  let validate: ValidateFunction
  try {
    validate = compiledBy(draftOf(schema), schema)
  } catch (cause) {
    throw new MillraceError('MILL_SCHEMA_INVALID', { reason: (cause as Error).message }, { cause })
  }
  if ('$async' in validate) throw new MillraceError('MILL_SCHEMA_INVALID', { reason: '$async schemas are not supported' })
  return validate
}

function compiledBy(draft: Draft, schema: object | boolean): ValidateFunction {
  const isSchema = draft === '2020-12' ? builtMetaSchema() : null
  const ajv = newAjv(draft, { ...options, validateSchema: isSchema === null })
  // As ajv says it.
  if (isSchema !== null && !isSchema(schema)) throw new Error(`schema is invalid: ${ajv.errorsText(isSchema.errors ?? null)}`)
  return ajv.compile(schema)
}

/** The check of a schema itself, as the build has compiled it; null where the code runs as it was written. */
function builtMetaSchema(): ValidateFunction | null {
  const file = fileURLToPath(new URL('operators/draft-2020-12.cjs', codeRoot))
  return existsSync(file) ? (createRequire(import.meta.url)(file) as ValidateFunction) : null
}

type Draft = '2020-12' | 'draft-07'

function draftOf(schema: object | boolean): Draft {
  const named = typeof schema === 'object' ? (schema as { $schema?: unknown }).$schema : undefined
  if (named === undefined) return '2020-12'
  const draft = typeof named === 'string' ? named.replace(/^https?:\/\/json-schema\.org\//, '').replace(/\/?schema#?$/, '') : ''
  if (draft === 'draft/2020-12') return '2020-12'
  if (draft === 'draft-07') return 'draft-07'
  throw new MillraceError('MILL_SCHEMA_INVALID', { reason: `$schema is ${JSON.stringify(named)}; 2020-12 and draft-07 are known` })
}

/** ajv takes 80 ms to load: only pipelines with a JSON Schema pay for it. */
function newAjv(draft: Draft, options: Options): Ajv {
  const require = createRequire(import.meta.url)
  const { default: AjvClass } = require(draft === 'draft-07' ? 'ajv' : 'ajv/dist/2020.js') as { default: new (options: Options) => Ajv }
  const { default: addFormats } = require('ajv-formats') as { default: (ajv: Ajv) => Ajv }
  return quickLengths(addFormats(new AjvClass(options)), require('ajv') as typeof import('ajv'))
}

/** ajv names the object that lacks or has too much; the reader wants the field. */
function problemOf({ instancePath, message = 'is not valid', keyword, params }: ErrorObject): Problem {
  const { missingProperty, additionalProperty, unevaluatedProperty, allowedValues, allowedValue } = params as Record<string, unknown>
  if (keyword === 'required') return { path: instancePath + pointerTo([missingProperty]), message: 'is required' }
  const surplus = additionalProperty ?? unevaluatedProperty
  if (surplus !== undefined) return { path: instancePath + pointerTo([surplus]), message: 'is not a known property' }
  if (allowedValues !== undefined) return { path: instancePath, message: `must be one of ${JSON.stringify(allowedValues)}` }
  if (keyword === 'const') return { path: instancePath, message: `must be ${JSON.stringify(allowedValue)}` }
  return { path: instancePath, message }
}
