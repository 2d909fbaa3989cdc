// Compiles src into dist and takes out of dist what src no longer has. Skipped, with a word, where the compiler is not installed (an install without devDependencies).
import { spawnSync } from 'node:child_process'
import { existsSync, readdirSync, rmSync } from 'node:fs'
import { createRequire } from 'node:module'
import { dirname, join, relative } from 'node:path'
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
removeOrphans()
if (status === 0) {
  // The page of all public names, from the declarations that were just written; then what is made of the schema of the config.
  await import('./reference.js')
  const { writeConfigDocs } = await import('./config-docs.js')
  await writeConfigDocs(root)
}
process.exit(status ?? 1)

/** What was built of a file that is gone would be packed, and could still be imported. */
function removeOrphans() {
  const dist = join(root, 'dist')
  if (!existsSync(dist)) return
  for (const entry of readdirSync(dist, { recursive: true, withFileTypes: true })) {
    const built = join(entry.parentPath, entry.name)
    const source = join(root, 'src', relative(dist, built)).replace(/\.(d\.ts|js)$/, '.ts')
    // The schema of the config has no source of its own: it is made of what was built.
    const isMade = entry.name === 'config.schema.json'
    if (entry.isFile() && !entry.name.startsWith('.') && !isMade && !existsSync(source)) rmSync(built)
  }
}
