import { isDeepStrictEqual } from 'node:util'
import { type ConfigPath, pathText } from './config-path.js'
import type { JsonSchema } from './config-schema.js'
import { isPlainObject } from './plain-object.js'

/**
 * Whether a value fits a schema, for schemas of the few keywords that the config's has; false too where it has another. A config that is right, as
 * nearly all are, does not wait for ajv then, which takes 50 ms to load and 100 to compile the schema; what is wrong in another, ajv says.
 *
 * @param whole - The paths of texts that came whole from one `${…}`: in `value` they become the number or boolean that is wanted there.
 */
export function fitsSchema(schema: JsonSchema, value: unknown, whole: ReadonlySet<string>): boolean {
  return new Fit(schema, whole).fits(schema, { value }, 'value', [])
}

type Holder = Record<string | number, unknown>
type Test = (of: never, value: unknown, schema: JsonSchema) => boolean

const isText = (value: unknown): value is string => typeof value === 'string'
const isNumber = (value: unknown): value is number => typeof value === 'number'

/** Keywords that look at nothing within the value. Those of one type let values of the others pass. */
const tests: Readonly<Record<string, Test>> = {
  const: (of: unknown, value) => isDeepStrictEqual(of, value),
  enum: (of: readonly unknown[], value) => of.some(one => isDeepStrictEqual(one, value)),
  minLength: (of: number, value) => !isText(value) || [...value].length >= of,
  pattern: (of: string, value) => !isText(value) || new RegExp(of, 'u').test(value),
  minimum: (of: number, value) => !isNumber(value) || value >= of,
  maximum: (of: number, value) => !isNumber(value) || value <= of,
  minItems: (of: number, value) => !Array.isArray(value) || value.length >= of,
  minProperties: (of: number, value) => !isPlainObject(value) || Object.keys(value).length >= of,
  required: (of: readonly string[], value) => !isPlainObject(value) || of.every(key => Object.hasOwn(value, key)),
}

/** Words for people, and those that another keyword sees to. */
const silent = new Set(['$schema', 'title', 'description', 'default', 'examples', 'definitions', 'type', 'then', 'else'])

class Fit {
  constructor(
    private readonly root: JsonSchema,
    private readonly whole: ReadonlySet<string>,
  ) {}

  fits(schema: JsonSchema, holder: Holder, key: string | number, path: ConfigPath | null): boolean {
    if (!this.hasType(schema, holder, key, path)) return false
    const value = holder[key]
    for (const [keyword, of] of Object.entries(schema)) {
      if (silent.has(keyword)) continue
      const test = tests[keyword]
      const isRight = test === undefined ? this.within(keyword, of, schema, holder, key, path) : test(of as never, value, schema)
      if (!isRight) return false
    }
    return true
  }

  private hasType(schema: JsonSchema, holder: Holder, key: string | number, path: ConfigPath | null): boolean {
    if (schema['type'] === undefined) return true
    const types = [schema['type']].flat() as string[]
    if (types.some(type => isOfType(holder[key], type))) return true
    const value = path !== null && this.whole.has(pathText(path)) ? asOneOf(holder[key], types) : undefined
    if (value === undefined) return false
    holder[key] = value
    return true
  }

  private within(keyword: string, of: unknown, schema: JsonSchema, holder: Holder, key: string | number, path: ConfigPath | null): boolean {
    // What only asks changes nothing.
    const asks = (one: JsonSchema) => this.fits(one, holder, key, null)
    const holds = (one: JsonSchema) => this.fits(one, holder, key, path)
    const value = holder[key]
    switch (keyword) {
      case '$ref':
        return holds(this.definition(of as string))
      case 'allOf':
        return (of as JsonSchema[]).every(holds)
      case 'anyOf':
        return (of as JsonSchema[]).some(asks)
      case 'oneOf':
        return (of as JsonSchema[]).filter(asks).length === 1
      case 'not':
        return !asks(of as JsonSchema)
      case 'if': {
        const next = asks(of as JsonSchema) ? schema['then'] : schema['else']
        return next === undefined || holds(next as JsonSchema)
      }
      case 'items':
        return !Array.isArray(value) || this.eachFits(value, () => of as JsonSchema, path)
      case 'properties':
        return (
          !isPlainObject(value) ||
          this.eachFits(value, name => (Object.hasOwn(of as object, name) ? (of as Record<string, JsonSchema>)[name] : true), path)
        )
      case 'additionalProperties':
        return (
          !isPlainObject(value) ||
          this.eachFits(value, name => (Object.hasOwn(schema.properties ?? {}, name) ? true : (of as JsonSchema | boolean)), path)
        )
      default:
        return false
    }
  }

  private eachFits(value: object, schemaOf: (name: string) => JsonSchema | boolean | undefined, path: ConfigPath | null): boolean {
    const isList = Array.isArray(value)
    return Object.keys(value).every(name => {
      const schema = schemaOf(name)
      if (typeof schema === 'boolean' || schema === undefined) return schema !== false
      const step = isList ? Number(name) : name
      return this.fits(schema, value as Holder, step, path && [...path, step])
    })
  }

  private definition(ref: string): JsonSchema {
    const name = ref.replace(/^#\/definitions\//, '')
    const found = (this.root['definitions'] as Record<string, JsonSchema> | undefined)?.[name]
    // A keyword that is not known: then nothing fits.
    return found ?? { [ref]: true }
  }
}

function isOfType(value: unknown, type: string): boolean {
  switch (type) {
    case 'null':
      return value === null
    case 'array':
      return Array.isArray(value)
    case 'object':
      return isPlainObject(value)
    case 'integer':
      return Number.isInteger(value)
    case 'number':
      return Number.isFinite(value)
    default:
      return typeof value === type
  }
}

/** The number or boolean that a text stands for, where one of these types is wanted. */
export function asOneOf(text: unknown, types: readonly string[]): number | boolean | undefined {
  if (!isText(text)) return undefined
  if (types.includes('boolean') && (text === 'true' || text === 'false')) return text === 'true'
  const wantsNumber = types.includes('number') || types.includes('integer')
  return wantsNumber && /^-?\d+(\.\d+)?(e[+-]?\d+)?$/i.test(text) ? Number(text) : undefined
}
