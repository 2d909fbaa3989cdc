// npm start: the main job of examples/main-job, run by the built command. The example's TypeScript is bundled first; `millrace` in it is this package.
import { spawn } from 'node:child_process'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { build } from 'esbuild'

const root = join(dirname(fileURLToPath(import.meta.url)), '..')
const outfile = join(root, '.millrace/main-job.mjs')
await build({
  entryPoints: [join(root, 'examples/main-job/pipelines.ts')],
  outfile,
  bundle: true,
  packages: 'external',
  format: 'esm',
  platform: 'node',
  // Without the paths of tsconfig.json, which lead to src: the job is to run what was built, and one copy of it.
  tsconfigRaw: {},
})

const child = spawn(process.execPath, [join(root, 'dist/cli/start.js'), outfile, ...process.argv.slice(2)], { stdio: 'inherit' })
// A terminal sends its signals to the child too; the child decides when to end.
for (const signal of ['SIGINT', 'SIGTERM']) process.on(signal, () => signal === 'SIGTERM' && child.kill(signal))
child.on('exit', (status, signal) => {
  process.exitCode = status ?? (signal === 'SIGINT' ? 130 : 143)
})
