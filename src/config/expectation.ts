import { shown } from '../core/options.js'
import type { JsonSchema } from './config-schema.js'

/** What a schema takes, in words: `a whole number from 1 up`, `one of "auto", "json", "lines"`. */
export function expectationOf(schema: unknown): string {
  if (typeof schema !== 'object' || schema === null) return 'another value'
  const of = schema as JsonSchema
  // The words of the one who wrote the schema, where there are any.
  if (typeof of['title'] === 'string') return of['title']
  if ('const' in of) return shown(of['const'])
  if (Array.isArray(of['enum'])) return `one of ${of['enum'].map(shown).join(', ')}`
  const types = (Array.isArray(of['type']) ? of['type'] : [of['type']]) as unknown[]
  return types.map(type => ofType(type, of)).join(' or ')
}

function ofType(type: unknown, schema: JsonSchema): string {
  switch (type) {
    case 'string':
      if (typeof schema['pattern'] === 'string') return `a text that matches ${schema['pattern']}`
      return schema['minLength'] === undefined ? 'a text' : 'a text that is not empty'
    case 'integer':
      return `a whole number${rangeOf(schema)}`
    case 'number':
      return `a number${rangeOf(schema)}`
    case 'boolean':
      return 'true or false'
    case 'null':
      return 'null'
    case 'array':
      return `a list${schema['items'] === undefined ? '' : `, each ${expectationOf(schema['items'])}`}`
    case 'object':
      return 'an object'
    default:
      return 'another value'
  }
}

function rangeOf({ minimum, maximum }: JsonSchema): string {
  if (minimum !== undefined && maximum !== undefined) return ` from ${minimum} to ${maximum}`
  if (minimum !== undefined) return ` from ${minimum} up`
  return maximum === undefined ? '' : ` up to ${maximum}`
}
