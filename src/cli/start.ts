import { existsSync } from 'node:fs'
import { resolve } from 'node:path'
import { pathToFileURL } from 'node:url'
import type { Pipeline } from '../runtime/pipeline.js'
import { runPipelines } from './run-pipelines.js'

/** What a module of pipelines exports. */
interface PipelinesModule {
  readonly default?: readonly Pipeline[]
  /** What is said at the end. */
  readonly hints?: readonly string[]
}

const [module, ...flags] = process.argv.slice(2)
const unknown = flags.find(flag => flag !== '--json')
if (module === undefined || unknown !== undefined)
  usage(unknown === undefined ? 'name a module of pipelines' : `there is no option ${unknown}`)
else process.exitCode = await start(module)

async function start(path: string): Promise<number> {
  const file = resolve(path)
  if (!existsSync(file)) return usage(`there is no file ${path}`)
  const { default: pipelines, hints = [] } = (await import(pathToFileURL(file).href)) as PipelinesModule
  if (!Array.isArray(pipelines) || pipelines.length === 0) return usage(`${path} exports no list of pipelines as its default`)
  return runPipelines(pipelines, { isJson: flags.includes('--json'), hints })
}

function usage(problem: string): number {
  process.stderr.write(`${problem}\nusage: npm start [-- --json]\n`)
  process.exitCode = 2
  return 2
}
