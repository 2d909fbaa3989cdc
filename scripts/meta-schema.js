// Compiles the schema of JSON Schema 2020-12 itself into dist/operators/draft-2020-12.cjs: ajv would do it at each start, which takes it 60 ms.
import { mkdirSync, writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { join } from 'node:path'

const require = createRequire(import.meta.url)

/** Writes it; the build calls this. */
export function writeMetaSchema(root) {
  const { default: Ajv } = require('ajv/dist/2020.js')
  const { default: addFormats } = require('ajv-formats')
  const { default: standaloneCode } = require('ajv/dist/standalone')
  const ajv = addFormats(new Ajv({ code: { source: true }, logger: false }))
  const code = standaloneCode(ajv, ajv.getSchema('https://json-schema.org/draft/2020-12/schema'))
  mkdirSync(join(root, 'dist/operators'), { recursive: true })
  writeFileSync(join(root, 'dist/operators/draft-2020-12.cjs'), code)
}
