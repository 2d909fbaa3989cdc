import { createRequire } from 'node:module'
import { join } from 'node:path'
import type { ValidateFunction } from 'ajv'
import { Ajv2020 } from 'ajv/dist/2020.js'
import formats from 'ajv-formats'
import { expect, it } from 'vitest'
import { root } from '../../harness/source-files.js'

const isSchema = createRequire(import.meta.url)(join(root, 'dist/operators/draft-2020-12.cjs')) as ValidateFunction

// What the build has compiled takes the place of what ajv would compile at each start: it must say the same.
it.each([
  { type: 'object', properties: { id: { type: 'integer' } }, required: ['id'], additionalProperties: false },
  true,
  { $defs: { a: { $dynamicAnchor: 'node', items: { $dynamicRef: '#node' } } }, unevaluatedProperties: false },
  { prefixItems: [{ type: 'string', format: 'date-time' }], items: { enum: [1, 'a'] } },
  { minLength: -1 },
  { properties: { a: { multipleOf: 0 } } },
  { prefixItems: [{ type: 'strng' }] },
  { $defs: { x: { required: [1] } } },
  { pattern: '(' },
  { patternProperties: { '(': {} } },
  { $id: ':not a uri' },
  { items: [{}] },
  { properties: { deep: { allOf: [{ anyOf: [] }] } } },
  { type: ['string', 'string'] },
])('%j is a schema, or is none, as ajv says', schema => {
  const ajv = formats.default(new Ajv2020({ logger: false }))
  const expected = ajv.validateSchema(schema) as boolean
  const found = isSchema(schema)
  expect([found, found || ajv.errorsText(isSchema.errors ?? null)]).toEqual([expected, expected || ajv.errorsText()])
})
