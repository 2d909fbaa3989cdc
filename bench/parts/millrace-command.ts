import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'

/** The built command. */
export const millrace = join(dirname(createRequire(import.meta.url).resolve('millrace/package.json')), 'dist/cli/main.js')
