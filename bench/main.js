// npm run bench [id…] [-- --json] [--quick] [--list]. Compiles the bench beside dist (its folder must lie within the project, so that
// `millrace` is found by its own name, as users import it) and runs it; the folder is removed at the end.
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'
import { build } from 'esbuild'

const root = join(dirname(fileURLToPath(import.meta.url)), '..')
mkdirSync(join(root, '.millrace'), { recursive: true })
const outdir = mkdtempSync(join(root, '.millrace', 'bench-'))
process.on('exit', () => rmSync(outdir, { recursive: true, force: true }))
for (const signal of ['SIGINT', 'SIGTERM']) process.once(signal, () => process.exit(130))

await build({
  absWorkingDir: root,
  entryPoints: ['bench/**/*.ts', 'test/harness/servers/*.ts'],
  outbase: '.',
  outdir,
  format: 'esm',
  target: 'node20',
  tsconfigRaw: {},
  logLevel: 'error',
})
const { main } = await import(pathToFileURL(join(outdir, 'bench', 'cli.js')).href)
process.exitCode = await main(process.argv.slice(2))
