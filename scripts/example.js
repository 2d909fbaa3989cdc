// npm run example hello: bundles examples/hello/main.ts beside itself, so that it finds its files, runs it and takes the bundle away.
import { spawnSync } from 'node:child_process'
import { existsSync, readdirSync, rmSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { build } from 'esbuild'

const examples = join(dirname(fileURLToPath(import.meta.url)), '..', 'examples')
const names = readdirSync(examples).filter(name => existsSync(join(examples, name, 'main.ts')))
const [name] = process.argv.slice(2)
if (!names.includes(name)) {
  console.error(`npm run example <${names.join(' | ')}>`)
  process.exit(1)
}
const outfile = join(examples, name, `.main.${process.pid}.mjs`)
try {
  await build({
    entryPoints: [join(examples, name, 'main.ts')],
    outfile,
    bundle: true,
    packages: 'external',
    format: 'esm',
    platform: 'node',
    logLevel: 'warning',
  })
  process.exitCode = spawnSync(process.execPath, [outfile], { stdio: 'inherit' }).status ?? 1
} finally {
  rmSync(outfile, { force: true })
}
