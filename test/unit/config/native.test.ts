import { execFile } from 'node:child_process'
import { readdir, readFile, symlink } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { expect, it } from 'vitest'
import { directoryWith } from '../../harness/config-files.js'
import { root } from '../../harness/source-files.js'

const run = promisify(execFile)

/** As the command does, which was built: what `millrace` is to a config can only be seen there. */
const program = `
const { loadConfig } = await import(${JSON.stringify(join(root, 'dist/config/load-config.js'))})
const { planOf } = await import(${JSON.stringify(join(root, 'dist/runtime/start.js'))})
const loaded = await loadConfig(process.argv[1], { kinds: [], env: {} })
// The plan of a pipeline is known only to the copy of millrace that made it.
console.log(JSON.stringify(await Promise.all(loaded.names.map(async name => planOf(await loaded.pipeline(name)).name))))
`
const pipeline = `
import { definePipeline, memorySink, memorySource } from 'millrace'
export const pipeline = name => definePipeline({ name, source: memorySource([]), steps: records => records, sink: memorySink(), onFailure: 'halt' })
export default (options, { name }) => pipeline(name)
`

/** The pipelines that a config has, and the compilers that were loaded for it. */
async function loaded(files: Readonly<Record<string, string | object>>, isLinked: boolean) {
  const directory = await directoryWith({ ...files, 'node_modules/none': '', 'coverage/none': '' })
  if (isLinked) await symlink(root, join(directory, 'node_modules/millrace'))
  const coverage = join(directory, 'coverage')
  const config = Object.keys(files).find(name => name.startsWith('millrace.config'))!
  const { stdout } = await run(process.execPath, ['--input-type=module', '-e', program, join(directory, config)], {
    env: { ...process.env, NODE_V8_COVERAGE: coverage },
  })
  const reports = (await readdir(coverage)).filter(name => name.endsWith('.json'))
  const seen = (await Promise.all(reports.map(name => readFile(join(coverage, name), 'utf8')))).join('\n')
  return { names: JSON.parse(stdout) as string[], compilers: ['jiti.cjs', 'babel.cjs'].filter(name => seen.includes(`/jiti/dist/${name}`)) }
}

it('a config in JavaScript is imported by Node itself where the project has this very package', async () => {
  const config = `import { pipeline } from './pipeline.mjs'\nexport default { pipelines: { a: pipeline('a'), b: { use: './pipeline.mjs' } } }`
  expect(await loaded({ 'millrace.config.mjs': config, 'pipeline.mjs': pipeline }, true)).toEqual({ names: ['a', 'b'], compilers: [] })
  expect(await loaded({ 'millrace.config.json': { pipelines: { b: { use: './pipeline.mjs' } } }, 'pipeline.mjs': pipeline }, true)).toEqual(
    {
      names: ['b'],
      compilers: [],
    },
  )
}, 60_000)

it('it is compiled where the project does not have it, or imports TypeScript', async () => {
  const config = `import { pipeline } from './pipeline.mjs'\nexport default { pipelines: { a: pipeline('a') } }`
  const compilers = ['jiti.cjs', 'babel.cjs']
  expect(await loaded({ 'millrace.config.mjs': config, 'pipeline.mjs': pipeline }, false)).toEqual({ names: ['a'], compilers })
  const typed = { 'millrace.config.mjs': config.replace('.mjs', '.ts'), 'pipeline.ts': pipeline.replace('name =>', '(name: string) =>') }
  expect(await loaded(typed, true)).toEqual({ names: ['a'], compilers })
}, 60_000)
