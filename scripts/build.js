// Builds dist from src: declarations by the compiler, code by esbuild; takes out of dist what src no longer has. Skipped, with a word, where the compiler is not installed (an install without devDependencies).
import { spawnSync } from 'node:child_process'
import { existsSync, readdirSync, rmSync } from 'node:fs'
import { createRequire } from 'node:module'
import { dirname, join, relative } from 'node:path'
import { fileURLToPath } from 'node:url'

const root = join(dirname(fileURLToPath(import.meta.url)), '..')
/** What has no source of its own. */
const made = new Set(['config.schema.json', 'draft-2020-12.cjs'])
/** What is imported by its name, run by its path, or read by the build and by tests of what was built. */
const entries = [
  'index',
  'testing/index',
  'monitoring/index',
  'cli/main',
  'cli/sql',
  'cli/run/worker.main',
  'config/config-schema',
  'config/load-config',
  'pipelines/kinds',
  'runtime/start',
]
const require = createRequire(import.meta.url)
let compiler
try {
  compiler = join(dirname(require.resolve('typescript/package.json')), 'bin', 'tsc')
} catch {
  console.error('millrace: the TypeScript compiler is not installed, so dist is left as it is (npm install without --omit=dev brings it)')
  process.exit(0)
}
const { status } = spawnSync(process.execPath, [compiler, '-p', join(root, 'tsconfig.build.json')], { stdio: 'inherit' })
if (status === 0) {
  removeOrphans(await bundle())
  // The page of all public names, from the declarations that were just written; then what is made of the schema of the config.
  await import('./reference.js')
  const { writeConfigDocs } = await import('./config-docs.js')
  await writeConfigDocs(root)
  const { writeMetaSchema } = await import('./meta-schema.js')
  writeMetaSchema(root)
}
process.exit(status ?? 1)

/**
 * The code in few files: to load two hundred takes Node 0.1 s longer (bench start.first-record). What several entries need lies in dist/shared, and what
 * is loaded on demand stays apart.
 *
 * @returns The files that were written.
 */
async function bundle() {
  const { build } = await import('esbuild')
  const { metafile } = await build({
    absWorkingDir: root,
    entryPoints: entries.map(entry => `src/${entry}.ts`),
    outbase: 'src',
    outdir: 'dist',
    chunkNames: 'shared/[name]-[hash]',
    bundle: true,
    splitting: true,
    packages: 'external',
    format: 'esm',
    platform: 'node',
    target: 'node20',
    tsconfigRaw: {},
    metafile: true,
    logLevel: 'error',
  })
  return new Set(Object.keys(metafile.outputs).map(path => join(root, path)))
}

/** Takes out what an earlier build has left: it would be packed, and could still be imported. */
function removeOrphans(bundled) {
  const dist = join(root, 'dist')
  for (const entry of readdirSync(dist, { recursive: true, withFileTypes: true })) {
    const built = join(entry.parentPath, entry.name)
    if (!entry.isFile() || entry.name.startsWith('.') || bundled.has(built)) continue
    const hasSource = built.endsWith('.d.ts') && existsSync(join(root, 'src', relative(dist, built)).replace(/\.d\.ts$/, '.ts'))
    if (!hasSource && !made.has(entry.name)) rmSync(built)
  }
}
