import { MillraceError } from './errors.js'

/** What one option may be: the expectation in words, the check, and its default. Required where `default` is left out and `optional` is not set. */
export interface OptionRule {
  readonly expected: string
  readonly accepts: (value: unknown) => boolean
  readonly default?: unknown
  readonly optional?: boolean
  /** The value must not stand in messages: it holds credentials. */
  readonly isSecret?: boolean
}

type Rules<T> = { readonly [K in keyof T]-?: OptionRule }

/**
 * Checks options at definition, puts the defaults in, and freezes the result.
 *
 * @param where - Who asks, as it stands in messages: `filesSource`, `pipeline signups`.
 * @throws {MillraceError} `MILL_OPTION_INVALID` with name, expectation and value; `MILL_OPTION_UNKNOWN` with a suggestion.
 */
export function resolveOptions<T extends object>(where: string, given: unknown, rules: Rules<T>): Readonly<T> {
  if (typeof given !== 'object' || given === null)
    throw new MillraceError('MILL_OPTION_INVALID', { where, option: 'options', expected: 'an object', given: shown(given) })
  const known = Object.keys(rules)
  for (const option of Object.keys(given)) {
    if (!Object.hasOwn(rules, option))
      throw new MillraceError('MILL_OPTION_UNKNOWN', { where, option, suggestion: nearest(option, known), known })
  }
  const resolved: Record<string, unknown> = {}
  for (const [option, rule] of Object.entries<OptionRule>(rules)) {
    const value = (given as Record<string, unknown>)[option]
    if (value === undefined) {
      if ('default' in rule) resolved[option] = rule.default
      else if (!rule.optional) throw new MillraceError('MILL_OPTION_INVALID', { where, option, expected: rule.expected, given: 'nothing' })
    } else if (rule.accepts(value)) resolved[option] = value
    else
      throw new MillraceError('MILL_OPTION_INVALID', {
        where,
        option,
        expected: rule.expected,
        given: rule.isSecret ? 'something else (not shown)' : shown(value),
      })
  }
  return Object.freeze(resolved) as T
}

type Fallback = { readonly default?: unknown; readonly optional?: boolean }
const rule = (expected: string, accepts: (value: unknown) => boolean, fallback: Fallback = {}): OptionRule => ({
  expected,
  accepts,
  ...fallback,
})

/** The rules that options are made of. Each takes `{ default }` or `{ optional: true }`; without, the option is required. */
export const option = {
  wholeNumber: (min: number, fallback?: Fallback) =>
    rule(`a whole number from ${min} up`, value => Number.isSafeInteger(value) && (value as number) >= min, fallback),
  number: (min: number, max: number, fallback?: Fallback) =>
    rule(`a number from ${min} to ${max}`, value => typeof value === 'number' && value >= min && value <= max, fallback),
  text: (fallback?: Fallback) => rule('a text that is not empty', value => typeof value === 'string' && value !== '', fallback),
  boolean: (fallback?: Fallback) => rule('true or false', value => typeof value === 'boolean', fallback),
  function: (fallback?: Fallback) => rule('a function', value => typeof value === 'function', fallback),
  object: (expected: string, fallback?: Fallback) => rule(expected, value => typeof value === 'object' && value !== null, fallback),
  oneOf: (values: readonly unknown[], fallback?: Fallback) =>
    rule(`one of ${values.map(shown).join(', ')}`, value => values.includes(value), fallback),
  matching: (expected: string, accepts: (value: unknown) => boolean, fallback?: Fallback) => rule(expected, accepts, fallback),
  /** As `matching`, of a value with credentials in it. */
  secret: (expected: string, accepts: (value: unknown) => boolean, fallback?: Fallback): OptionRule => ({
    ...rule(expected, accepts, fallback),
    isSecret: true,
  }),
}

const MAX_SHOWN = 120

/** A value for a message: short, on one line, with its type where that is not plain to see. It never throws: proxies and getters may. */
export function shown(value: unknown): string {
  try {
    return described(value)
  } catch {
    return 'a value that cannot be shown'
  }
}

function described(value: unknown): string {
  if (typeof value === 'string') return clipped(JSON.stringify(value.slice(0, MAX_SHOWN + 1)))
  if (typeof value === 'bigint') return clipped(`${value}n`)
  if (typeof value === 'function') return clipped(`the function ${value.name || '(without a name)'}`)
  if (value instanceof Date) return Number.isNaN(value.getTime()) ? 'an invalid date' : value.toISOString()
  if (value instanceof Uint8Array) return `${value.byteLength} bytes`
  if (typeof value !== 'object' || value === null) return clipped(String(value))
  return clipped(jsonOf(value) ?? Object.prototype.toString.call(value))
}

/** Undefined where there is none: a cycle, a bigint within, a `toJSON` that throws. */
function jsonOf(value: object): string | undefined {
  try {
    return JSON.stringify(value)
  } catch {
    return undefined
  }
}

const clipped = (text: string): string => (text.length > MAX_SHOWN ? `${text.slice(0, MAX_SHOWN)}…` : text)

/** The known name that `given` was most likely meant to be: at most a third of its letters differ. */
export function nearest(given: string, known: readonly string[]): string | undefined {
  let best: string | undefined
  let fewest = Math.floor(given.length / 3) + 1
  for (const name of known) {
    // Names of very different lengths are not compared: a key of a megabyte would take seconds.
    if (Math.abs(name.length - given.length) >= fewest) continue
    const edits = name.toLowerCase() === given.toLowerCase() ? 0 : distance(given, name)
    if (edits < fewest) [best, fewest] = [name, edits]
  }
  return best
}

/** Levenshtein's distance, where two neighbours in each other's place are one edit (`prot` for `port`). */
function distance(a: string, b: string): number {
  let before: number[] = []
  let previous = Array.from({ length: b.length + 1 }, (_, i) => i)
  for (let i = 1; i <= a.length; i++) {
    const row = [i]
    for (let j = 1; j <= b.length; j++) {
      const isSame = a[i - 1] === b[j - 1]
      let edits = Math.min(previous[j]! + 1, row[j - 1]! + 1, previous[j - 1]! + (isSame ? 0 : 1))
      if (i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1]) edits = Math.min(edits, before[j - 2]! + 1)
      row.push(edits)
    }
    before = previous
    previous = row
  }
  return previous[b.length]!
}
