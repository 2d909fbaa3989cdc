import { execFile } from 'node:child_process'
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { build } from 'esbuild'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { directoryWith } from '../../harness/config-files.js'
import { root } from '../../harness/source-files.js'

const run = promisify(execFile)
let directory: string

// Split, as what is built is: in one file the imports of parts that are loaded on demand would stand at its top.
beforeAll(async () => {
  // Inside the project, so that packages are found.
  directory = await mkdtemp(join(root, '.snippets-'))
  await build({
    entryPoints: [join(root, 'test/unit/config/load-program.ts')],
    outdir: directory,
    outExtension: { '.js': '.mjs' },
    splitting: true,
    bundle: true,
    format: 'esm',
    platform: 'node',
    target: 'node20',
    packages: 'external',
    alias: { millrace: join(root, 'src/index.ts') },
    logLevel: 'error',
  })
})
afterAll(() => rm(directory, { recursive: true, force: true }))

const pipelines = {
  files: {
    use: 'files-to-postgres',
    paths: '*.ndjson',
    format: 'ndjson',
    table: { name: 'a', columns: { id: 'integer' } },
    database: { connection: 'postgres://localhost/x' },
  },
  topic: {
    use: 'topic-to-postgres',
    from: { brokers: 'localhost:9092', topics: 'a', groupId: 'a' },
    table: { name: 'a', columns: { id: 'integer' } },
    database: { embedded: 'db' },
  },
}

/** The packages whose code ran while a config was loaded, by what V8 says that it compiled. */
async function packagesFor(name: string, text: string | object): Promise<string[]> {
  const project = await directoryWith({ [name]: text, 'coverage/none': '' })
  const coverage = join(project, 'coverage')
  const { stdout } = await run(process.execPath, [join(directory, 'load-program.mjs'), join(project, name)], {
    env: { ...process.env, NODE_V8_COVERAGE: coverage },
  })
  expect(JSON.parse(stdout)).toEqual(['files', 'topic'])
  const packages = new Set<string>()
  for (const file of (await readdir(coverage)).filter(name => name.endsWith('.json'))) {
    const { result } = JSON.parse(await readFile(join(coverage, file), 'utf8')) as { result: { url: string }[] }
    for (const { url } of result) {
      const found = /.*\/node_modules\/((?:@[^/]+\/)?[^/]+)/.exec(url)?.[1]
      if (found !== undefined) packages.add(found)
    }
  }
  return [...packages]
}

const heavy = ['pg', 'knex', 'kafkajs', '@electric-sql/pglite', 'jiti', 'yaml', 'smol-toml', 'typescript', 'esbuild', 'pino', 'commander']

it('a config in JSON is loaded, and its pipelines made, without drivers, loaders of TypeScript, or parsers of other formats', async () => {
  const packages = await packagesFor('c.json', { pipelines })
  // So that nothing is taken for absent that only was not seen.
  expect(packages).toContain('ajv')
  expect(packages.filter(name => heavy.includes(name))).toEqual([])
}, 60_000)

it('one in YAML or in TypeScript loads what reads it, and no driver', async () => {
  const files = { 'c.yaml': JSON.stringify({ pipelines }), 'c.ts': `export default ${JSON.stringify({ pipelines })} as object` }
  const found: string[][] = []
  for (const [name, text] of Object.entries(files)) found.push((await packagesFor(name, text)).filter(name => heavy.includes(name)))
  expect(found).toEqual([['yaml'], ['jiti']])
}, 60_000)
