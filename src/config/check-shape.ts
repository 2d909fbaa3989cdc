import { createRequire } from 'node:module'
import type { Ajv, ErrorObject, Options, ValidateFunction } from 'ajv'
import { nearest } from '../core/options.js'
import type { Problem } from './config-error.js'
import { type ConfigPath, pathText } from './config-path.js'
import type { JsonSchema } from './config-schema.js'
import { expectationOf } from './expectation.js'
import { asOneOf, fitsSchema } from './fits-schema.js'

/** Shows a value that stands at a path, without its secrets. */
export type Show = (value: unknown, path: ConfigPath) => string

/** What {@link checkShape} found. */
export interface Shape {
  /** One for each mistake. */
  readonly problems: readonly Problem[]
  /** Keys that were misspelled: from the path that was meant to the one that was written. In the value they bear the name that was meant. */
  readonly misspelled: ReadonlyMap<string, string>
  /** Where values are wrong, by the paths that were meant. */
  readonly wrong: readonly string[]
}

/**
 * Compares a value with its schema, and changes it on the way: texts that came whole from one `${…}` become the number or boolean that is wanted
 * there, and what stands under a misspelled key is judged as if it stood under the right one.
 *
 * @param whole - The paths of such texts.
 */
export function checkShape(schema: JsonSchema, value: unknown, whole: ReadonlySet<string>, show: Show): Shape {
  if (fitsSchema(schema, value, whole)) return { problems: [], misspelled: new Map(), wrong: [] }
  const validate = compiled(schema)
  const checked = new Checked(value, show)
  for (;;) {
    if (validate(value)) return checked.end([])
    const errors = validate.errors ?? []
    const isChanged = errors.map(error => checked.coerce(error, whole) || checked.respell(error)).includes(true)
    if (!isChanged) return checked.end(errors)
  }
}

const known = new WeakMap<object, ValidateFunction>()

function compiled(schema: JsonSchema): ValidateFunction {
  const found = known.get(schema)
  if (found !== undefined) return found
  // Loaded only where something is wrong.
  const { default: AjvClass } = createRequire(import.meta.url)('ajv') as { default: new (options: Options) => Ajv }
  const validate = new AjvClass({ allErrors: true, verbose: true, strict: false, logger: false }).compile(schema)
  known.set(schema, validate)
  return validate
}

const holderOf = (root: unknown, path: ConfigPath) =>
  path.slice(0, -1).reduce<unknown>((at, step) => (at as Record<string | number, unknown>)[step], root) as Record<string | number, unknown>

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

/** The problems of a value: of each place one of its key, and one of what stands there. */
class Checked {
  private readonly problems = new Map<string, Problem>()
  private readonly wrong: string[] = []
  /** By the path that was meant: its steps, and the key that was written. */
  private readonly misspelled = new Map<string, { readonly meant: ConfigPath; readonly key: string }>()

  constructor(
    private readonly root: unknown,
    private readonly show: Show,
  ) {}

  /** Puts a number or boolean in the place of a text, where that is wanted and the text came whole from one `${…}`. */
  coerce({ keyword, instancePath, params, data }: ErrorObject, whole: ReadonlySet<string>): boolean {
    const path = pathOf(instancePath, this.root)
    if (keyword !== 'type' || !whole.has(this.written(path))) return false
    const value = asOneOf(data, [(params as { type: string | string[] }).type].flat())
    if (value === undefined) return false
    holderOf(this.root, path)[path.at(-1)!] = value
    return true
  }

  /** Puts what stands under a misspelled key under the one that was meant, unless that is there too. */
  respell(error: ErrorObject): boolean {
    if (error.keyword !== 'additionalProperties') return false
    const { path, key, suggestion } = this.unknownKey(error)
    const holder = error.data as Record<string, unknown>
    if (suggestion === undefined || Object.hasOwn(holder, suggestion) || !Object.hasOwn(holder, key)) return false
    this.addUnknown(error)
    const meant = [...path, suggestion]
    this.misspelled.set(pathText(meant), { meant, key })
    holder[suggestion] = holder[key]
    delete holder[key]
    return true
  }

  end(errors: readonly ErrorObject[]): Shape {
    // What only says that something within it is wrong.
    const told = errors.filter(({ keyword }) => keyword !== 'if' && keyword !== 'allOf')
    // Of several shapes the one sentence about all of them is enough.
    const choices = told.filter(({ keyword }) => keyword === 'oneOf' || keyword === 'anyOf').map(({ schemaPath }) => `${schemaPath}/`)
    for (const error of told) {
      if (choices.some(choice => error.schemaPath.startsWith(choice))) continue
      if (error.keyword === 'additionalProperties') this.addUnknown(error)
      else this.addValue(error)
    }
    const misspelled = [...this.misspelled].map(([path, { meant }]) => [path, this.written(meant)] as const)
    return { problems: [...this.problems.values()], misspelled: new Map(misspelled), wrong: this.wrong }
  }

  private unknownKey({ instancePath, params, parentSchema }: ErrorObject) {
    const path = pathOf(instancePath, this.root)
    const key = (params as { additionalProperty: string }).additionalProperty
    const names = Object.keys((parentSchema as JsonSchema).properties ?? {}).filter(name => name !== '$schema')
    return { path, key, names, suggestion: nearest(key, names) }
  }

  private addUnknown(error: ErrorObject): void {
    const { path, key, names, suggestion } = this.unknownKey(error)
    const written = pathText([...this.writtenSteps(path), key])
    if (suggestion === undefined) this.wrong.push(pathText([...path, key]))
    this.problems.set(`key ${written}`, {
      path: written,
      expected: suggestion === undefined ? `a known key (there are: ${names.join(', ')})` : 'a known key',
      given: this.show((error.data as Record<string, unknown>)[key], [...path, key]),
      ...(suggestion !== undefined && { suggestion }),
    })
  }

  private addValue({ keyword, instancePath, params, parentSchema, data }: ErrorObject): void {
    const schema = parentSchema as JsonSchema
    const missing = keyword === 'required' ? (params as { missingProperty: string }).missingProperty : undefined
    const at = pathOf(instancePath, this.root)
    const path = missing === undefined ? at : [...at, missing]
    const written = this.written(path)
    // Of a text that is too short, and does not match either, the first says enough.
    if (this.problems.has(written)) return
    this.wrong.push(pathText(path))
    if (missing !== undefined) {
      this.problems.set(written, { path: written, expected: expectationOf(schema.properties?.[missing]), given: 'nothing' })
      return
    }
    const values = [schema['enum'] ?? schema['examples'] ?? []].flat().filter(value => typeof value === 'string')
    const suggestion = typeof data === 'string' ? nearest(data, values) : undefined
    const given = this.show(data, path)
    this.problems.set(written, { path: written, expected: expectationOf(schema), given, ...(suggestion !== undefined && { suggestion }) })
  }

  /** A path with its keys as they were written. */
  private written(path: ConfigPath): string {
    return pathText(this.writtenSteps(path))
  }

  private writtenSteps(path: ConfigPath): ConfigPath {
    return path.map((step, i) => this.misspelled.get(pathText(path.slice(0, i + 1)))?.key ?? step)
  }
}
