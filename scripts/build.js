// Compiles src into dist. Skipped, with a word, where the compiler is not installed (an install without devDependencies).
import { spawnSync } from 'node:child_process'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

const root = join(dirname(fileURLToPath(import.meta.url)), '..')
const require = createRequire(import.meta.url)
let compiler
try {
  compiler = join(dirname(require.resolve('typescript/package.json')), 'bin', 'tsc')
} catch {
  console.error('millrace: the TypeScript compiler is not installed, so dist is left as it is (npm install without --omit=dev brings it)')
  process.exit(0)
}
const { status } = spawnSync(process.execPath, [compiler, '-p', join(root, 'tsconfig.build.json')], { stdio: 'inherit' })
process.exit(status ?? 1)
