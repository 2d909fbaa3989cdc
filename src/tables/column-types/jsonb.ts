import { type ColumnType, escapedType } from '../column-type.js'
import { refuseText } from './text.js'

/** How deep a JSON value may be nested. Postgres's own bound hangs on its stack: some 6,000 levels on a server, fewer in an embedded one. */
export const MAX_JSON_DEPTH = 1_000

const stringify = (value: unknown): string => JSON.stringify(value)

/** What JSON.stringify writes without loss, and jsonb holds: neither NUL nor half a surrogate pair. */
export const jsonbType: ColumnType = escapedType<unknown>({
  sql: 'jsonb',
  refuse: value => refuseJson(value, 0, ''),
  text: stringify,
  json: stringify,
  canonical: value => JSON.stringify(sorted(JSON.parse(JSON.stringify(value)))),
})

/** What keeps a value from being JSON that Postgres takes. Cycles end at the bound of depth. */
function refuseJson(value: unknown, depth: number, name: string): string | undefined {
  switch (typeof value) {
    case 'string':
      return value.includes('\0') || !value.isWellFormed() ? `JSON whose texts are ${refuseText(value)}` : undefined
    case 'number':
      return value - value === 0 ? undefined : 'JSON, which knows neither NaN nor infinities'
    case 'boolean':
      return undefined
    case 'object':
      return value === null ? undefined : refuseNested(value, depth, name)
    case 'undefined':
      // Left out of objects, null in arrays, as JSON.stringify has it; alone it is no JSON.
      return depth === 0 ? 'a JSON value' : undefined
    default:
      return `JSON, which knows no ${typeof value}`
  }
}

function refuseNested(value: object, depth: number, name: string): string | undefined {
  if (depth >= MAX_JSON_DEPTH) return `JSON nested at most ${MAX_JSON_DEPTH} deep, without cycles`
  if (Array.isArray(value)) {
    for (let i = 0; i < value.length; i++) {
      const refused = refuseJson(value[i], depth + 1, name)
      if (refused !== undefined) return refused
    }
    return undefined
  }
  const { toJSON } = value as { readonly toJSON?: unknown }
  if (typeof toJSON === 'function') return refuseAnswer(toJSON.call(value, name), depth)
  if (value instanceof String || value instanceof Number || value instanceof BigInt) return refuseJson(value.valueOf(), depth, name)
  for (const key of Object.keys(value)) {
    if (key.includes('\0') || !key.isWellFormed()) return `JSON whose keys are ${refuseText(key)}`
    const refused = refuseJson((value as Readonly<Record<string, unknown>>)[key], depth + 1, key)
    if (refused !== undefined) return refused
  }
  return undefined
}

/** JSON.stringify asks an object once for its JSON, and takes the answer as it is. */
function refuseAnswer(answer: unknown, depth: number): string | undefined {
  if (typeof answer !== 'object' || answer === null) return refuseJson(answer, depth, '')
  const { toJSON } = answer as { readonly toJSON?: unknown }
  return refuseNested(typeof toJSON === 'function' ? { ...answer, toJSON: undefined } : answer, depth, '')
}

function sorted(value: unknown): unknown {
  if (typeof value !== 'object' || value === null) return value
  if (Array.isArray(value)) return value.map(sorted)
  return Object.fromEntries(
    Object.entries(value)
      .sort(([a], [b]) => (a < b ? -1 : 1))
      .map(([key, inner]) => [key, sorted(inner)]),
  )
}
