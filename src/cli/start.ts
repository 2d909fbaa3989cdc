import { existsSync } from 'node:fs'
import { resolve } from 'node:path'
import { pathToFileURL } from 'node:url'
import { errorReport } from '../core/error-report.js'
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
  const loaded = await load(file)
  if (loaded === null) return 1
  const { default: pipelines, hints = [] } = loaded
  if (!Array.isArray(pipelines) || pipelines.length === 0) return usage(`${path} exports no list of pipelines as its default`)
  return runPipelines(pipelines, { isJson: flags.includes('--json'), hints })
}

/** Definitions are checked while the module is loaded: what is wrong with an option needs no stack. */
async function load(file: string): Promise<PipelinesModule | null> {
  try {
    return (await import(pathToFileURL(file).href)) as PipelinesModule
  } catch (error) {
    // By its code: a module that was bundled has a class of its own.
    const { message, code } = errorReport(error)
    if (!code?.startsWith('MILL_')) throw error
    process.stderr.write(`${message} [${code}]\n  what the code means, and what to do: docs/errors.md\n`)
    return null
  }
}

function usage(problem: string): number {
  process.stderr.write(`${problem}\nusage: npm start [-- --json]\n`)
  process.exitCode = 2
  return 2
}
