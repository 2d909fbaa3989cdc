import { parseArgs } from 'node:util'
import { isMillraceError, option, resolveOptions } from 'millrace'
import type { Options } from './figure.js'
import { ids, loadFigure } from './figures.js'
import { measure, type Result } from './measure.js'
import { jsonOf, lineOf } from './report.js'
import { SharedResources } from './resources.js'

const USAGE = `npm run bench [id…] [-- --json] [--quick] [--list]

  id        figures to measure, or the part of an id before its dot (engine, postgres, kafka, memory, start); default all
  --json    one line of JSON a figure, and nothing else on stdout
  --quick   a small volume and one run: shows that a figure works, and says nothing of its goal
  --list    the figures there are
`

/** Measures the figures named in `args` and prints them as they come. Gives the exit status: 0 also when a goal is missed; that is what `holds` says. */
export async function main(args: readonly string[]): Promise<number> {
  const { values, positionals } = parse(args)
  if (values.help) return print(USAGE)
  if (values.list) return list()
  const chosen = choose(positionals)
  if (typeof chosen === 'string') {
    process.stderr.write(`${chosen}\n`)
    return 2
  }
  const resources = new SharedResources()
  const failed: string[] = []
  try {
    for (const id of chosen) {
      process.stderr.write(`measuring ${id} …\n`)
      try {
        const result = await measureWith(resources, id, { quick: values.quick })
        print(`${values.json ? jsonOf(result) : lineOf(result)}\n`)
      } catch (error) {
        // The other figures may still be measured.
        failed.push(id)
        process.stderr.write(`${id} could not be measured: ${error instanceof Error ? error.stack : String(error)}\n`)
      }
    }
  } finally {
    await resources.close()
  }
  if (failed.length > 0) process.stderr.write(`not measured: ${failed.join(', ')}\n`)
  return failed.length === 0 ? 0 : 1
}

async function measureWith(resources: SharedResources, id: string, options: Options): Promise<Result> {
  const figure = await loadFigure(id)
  try {
    const setting = await figure.prepare?.({
      ...options,
      postgres: () => resources.postgres(),
      topic: (partitions, config) => resources.topic(partitions, config),
      directory: () => resources.directory(),
    })
    return await measure(id, figure, setting, options)
  } finally {
    await resources.clear()
  }
}

function parse(args: readonly string[]) {
  const options = {
    json: { type: 'boolean', default: false },
    quick: { type: 'boolean', default: false },
    list: { type: 'boolean', default: false },
    help: { type: 'boolean', default: false },
  } as const
  return parseArgs({ args: [...args], options, allowPositionals: true })
}

/** The ids that were asked for, or the error in words. */
function choose(asked: readonly string[]): readonly string[] | string {
  if (asked.length === 0) return ids
  const chosen = new Set<string>()
  for (const given of asked) {
    const found = ids.filter(id => id === given || id.startsWith(`${given}.`))
    if (found.length === 0) {
      const suggestion = nearest(given)
      return `there is no figure ${given}${suggestion ? `; did you mean ${suggestion}?` : ''} (there are: ${ids.join(', ')})`
    }
    for (const id of found) chosen.add(id)
  }
  return ids.filter(id => chosen.has(id))
}

/** The id that was most likely meant, as options with a wrong name get theirs. */
function nearest(given: string): string | undefined {
  try {
    resolveOptions('bench', { [given]: true }, Object.fromEntries(ids.map(id => [id, option.boolean({ optional: true })])))
  } catch (error) {
    if (isMillraceError(error, 'MILL_OPTION_UNKNOWN')) return error.details.suggestion
  }
  return undefined
}

async function list(): Promise<number> {
  for (const id of ids) print(`${id.padEnd(20)} ${(await loadFigure(id)).what}\n`)
  return 0
}

function print(text: string): number {
  process.stdout.write(text)
  return 0
}
