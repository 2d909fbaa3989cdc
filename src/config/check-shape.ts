import { createRequire } from 'node:module'
import type { Ajv, ErrorObject, Options, ValidateFunction } from 'ajv'
import { nearest, shown } from '../core/options.js'
import type { Problem } from './config-error.js'
import { type ConfigPath, pathText } from './config-path.js'
import type { JsonSchema } from './config-schema.js'
import { expectationOf } from './expectation.js'

/** Shows a value that stands at a path, without its secrets. */
export type Show = (value: unknown, path: ConfigPath) => string

/**
 * Compares a value with its schema.
 *
 * @param whole - Paths of texts that came whole from one `${…}`: in `value` itself they become the number or boolean that the schema wants there.
 * @returns Every problem, one for each mistake.
 */
export function checkShape(schema: JsonSchema, value: unknown, whole: ReadonlySet<string>, show: Show): Problem[] {
  const validate = compiled(schema)
  if (validate(value)) return []
  const isCoerced = (validate.errors ?? []).filter(error => coerce(value, error, whole)).length > 0
  if (isCoerced && validate(value)) return []
  return problemsOf(validate.errors ?? [], value, show)
}

const known = new WeakMap<object, ValidateFunction>()

function compiled(schema: JsonSchema): ValidateFunction {
  const found = known.get(schema)
  if (found !== undefined) return found
  // ajv takes 80 ms to load: only where a config is checked.
  const { default: AjvClass } = createRequire(import.meta.url)('ajv') as { default: new (options: Options) => Ajv }
  const validate = new AjvClass({ allErrors: true, verbose: true, strict: false, logger: false }).compile(schema)
  known.set(schema, validate)
  return validate
}

function coerce(root: unknown, { keyword, instancePath, params, data }: ErrorObject, whole: ReadonlySet<string>): boolean {
  if (keyword !== 'type' || typeof data !== 'string') return false
  const path = pathOf(instancePath, root)
  if (!whole.has(pathText(path))) return false
  const wanted = [(params as { type: string | string[] }).type].flat()
  const value = wanted.map(type => asType(data, type)).find(made => made !== undefined)
  if (value === undefined) return false
  const holder = path.slice(0, -1).reduce<unknown>((at, step) => (at as Record<string | number, unknown>)[step], root)
  ;(holder as Record<string | number, unknown>)[path.at(-1)!] = value
  return true
}

function asType(text: string, type: string): unknown {
  if (type === 'boolean') return text === 'true' ? true : text === 'false' ? false : undefined
  if (type !== 'number' && type !== 'integer') return undefined
  return /^-?\d+(\.\d+)?(e[+-]?\d+)?$/i.test(text) ? Number(text) : undefined
}

/** The steps of a JSON pointer; those into lists as numbers. */
function pathOf(pointer: string, root: unknown): ConfigPath {
  let at: unknown = root
  return pointer
    .split('/')
    .slice(1)
    .map(step => {
      const key = step.replaceAll('~1', '/').replaceAll('~0', '~')
      const isIndex = Array.isArray(at)
      at = (at as Record<string, unknown>)[key]
      return isIndex ? Number(key) : key
    })
}

function problemsOf(errors: readonly ErrorObject[], root: unknown, show: Show): Problem[] {
  // What only says that something within it is wrong.
  const told = errors.filter(({ keyword }) => keyword !== 'if' && keyword !== 'allOf')
  // Of several shapes the one sentence about all of them is enough.
  const choices = told.filter(({ keyword }) => keyword === 'oneOf' || keyword === 'anyOf')
  const isWithin = ({ schemaPath }: ErrorObject) => choices.some(choice => schemaPath.startsWith(`${choice.schemaPath}/`))
  const plain = told.filter(error => !isWithin(error))
  const meant = new Set<string>()
  const problems = new Map<string, Problem>()
  const add = (problem: Problem) => {
    // One for each place: of a text that is too short, and does not match either, the first says enough.
    if (!problems.has(problem.path)) problems.set(problem.path, problem)
  }
  for (const error of plain) {
    if (error.keyword !== 'additionalProperties') continue
    const path = pathOf(error.instancePath, root)
    const key = (error.params as { additionalProperty: string }).additionalProperty
    const value = (error.data as Record<string, unknown>)[key]
    const names = Object.keys((error.parentSchema as JsonSchema).properties ?? {}).filter(name => name !== '$schema')
    const suggestion = nearest(key, names)
    if (suggestion !== undefined) meant.add(pathText([...path, suggestion]))
    add({
      path: pathText([...path, key]),
      expected: suggestion === undefined ? `a known key (there are: ${names.join(', ')})` : 'a known key',
      given: show(value, [...path, key]),
      ...(suggestion !== undefined && { suggestion }),
    })
  }
  for (const error of plain) {
    if (error.keyword === 'additionalProperties') continue
    const problem = problemOf(error, root, show)
    // A key that was misspelled is not missing as well.
    if (!(error.keyword === 'required' && meant.has(problem.path))) add(problem)
  }
  return [...problems.values()]
}

function problemOf(error: ErrorObject, root: unknown, show: Show): Problem {
  const path = pathOf(error.instancePath, root)
  const schema = error.parentSchema as JsonSchema
  if (error.keyword === 'required') {
    const key = (error.params as { missingProperty: string }).missingProperty
    return { path: pathText([...path, key]), expected: expectationOf(schema.properties?.[key]), given: 'nothing' }
  }
  const values = Array.isArray(schema['enum']) ? schema['enum'].filter(value => typeof value === 'string') : []
  const suggestion = typeof error.data === 'string' ? nearest(error.data, values) : undefined
  return {
    path: pathText(path),
    expected: expectationOf(schema),
    given: show(error.data, path),
    ...(suggestion !== undefined && { suggestion: shown(suggestion) }),
  }
}
