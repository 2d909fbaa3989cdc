import { existsSync } from 'node:fs'
import { createRequire } from 'node:module'
import { dirname, extname, join, relative, resolve, sep } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'
import type { Jiti } from 'jiti'
import { errorText } from '../core/error-report.js'
import { isMillraceError } from '../core/errors.js'
import { codeRoot } from '../core/package-files.js'

/**
 * The default export of a module, or all of it where there is none: JavaScript or TypeScript, without a build step.
 *
 * `millrace` in it, and in what it imports, is this package itself, whatever is installed beside it: a pipeline of another copy could not be replayed.
 *
 * @param specifier - A path, `./` before it, or the name of an installed package.
 * @param directory - What a path is relative to, and where packages are looked for.
 * @throws Where there is none, and what it throws while it is loaded.
 */
export async function loadModule(specifier: string, directory: string): Promise<unknown> {
  const found = await resolved(specifier, directory)
  if (found === undefined) throw new Error(`${specifier}, which is not there${hintOf(specifier, directory)}`)
  try {
    return await importFile(found, directory)
  } catch (cause) {
    throw new Error(`${specifier}, which failed: ${errorText(cause)}${placeOf(cause, directory)}`, { cause })
  }
}

/** A path as it is written needs no resolver; one without its ending does, or of another (`.js` for `.ts`), or a package. */
async function resolved(specifier: string, directory: string): Promise<string | undefined> {
  const path = resolve(directory, specifier)
  if (/^\.{0,2}\//.test(specifier) && extname(path) !== '' && existsSync(path)) return path
  const found = (await jitiOf(directory)).esmResolve(specifier, { parentURL: join(directory, 'millrace.config'), try: true })
  return found?.startsWith('file:') ? fileURLToPath(found) : found
}

/** A path without ./ is taken for a package's. */
function hintOf(specifier: string, directory: string): string {
  return !specifier.startsWith('.') && existsSync(resolve(directory, specifier)) ? ` (did you mean ./${specifier}?)` : ''
}

/** As {@link loadModule}, of a file that is there. What it throws is thrown on. */
export async function importFile(file: string, directory: string): Promise<unknown> {
  // Once something was compiled, all is: a module that both import must not be there twice.
  if (/\.[cm]?js$/.test(file) && !instances.has(directory) && isOwnFor(directory)) {
    try {
      const { default: exported, ...named } = (await import(pathToFileURL(file).href)) as { default?: unknown }
      return exported ?? named
    } catch (error) {
      if (!isForCompiler(error)) throw error
    }
  }
  const jiti = await jitiOf(directory)
  try {
    return await jiti.import(file, { default: true })
  } catch (error) {
    throw error instanceof Error && !isMillraceError(error) ? inOneLine(error) : error
  }
}

/**
 * Whether `millrace` is this very package for a module in a directory. Then Node itself imports JavaScript, and neither jiti nor Babel has to be loaded.
 */
function isOwnFor(directory: string): boolean {
  try {
    const found = createRequire(join(directory, 'millrace.config')).resolve('millrace')
    return found === fileURLToPath(new URL('index.js', codeRoot))
  } catch {
    return false
  }
}

/** What Node refuses before anything has run: a module in TypeScript that is imported, or a text that it cannot parse, of which it does not say where. */
function isForCompiler(error: unknown): boolean {
  const code = (error as { readonly code?: unknown } | null)?.code
  return error instanceof SyntaxError || code === 'ERR_UNKNOWN_FILE_EXTENSION' || code === 'ERR_MODULE_NOT_FOUND'
}

/**
 * Where in the code of a directory, not of its packages, something was thrown: ` (pipelines/orders.ts:12)`; empty where that is not known. Without the
 * column, which after a compiler is not that of the file.
 */
export function placeOf(thrown: unknown, directory: string): string {
  if (!(thrown instanceof Error)) return ''
  for (const [, file, line] of String(thrown.stack).matchAll(/^ +at .*?((?:file:\/\/)?\/[^():]+):(\d+):\d+\)?$/gm)) {
    // Only in a URL does % mean something.
    const path = relative(directory, file!.startsWith('file:') ? fileURLToPath(file!) : file!)
    if (!path.startsWith('..') && !path.split(sep).includes('node_modules')) return ` (${path}:${line})`
  }
  return ''
}

/** Loaders tell by which files they came, and parsers put the place into a line of its own. */
function inOneLine(error: Error): Error {
  error.message = error.message.replace(/\s*Require stack:[\s\S]*/, '').replace(/\s*\n\s*/g, ' ')
  return error
}

const instances = new Map<string, Promise<Jiti>>()

/** One for each directory: the modules of a config share what they import. */
function jitiOf(directory: string): Promise<Jiti> {
  const made = instances.get(directory) ?? newJiti(directory)
  instances.set(directory, made)
  return made
}

/** Loaded on demand: a config in JSON does without (jiti and Babel take 0.3 s, from the cache 0.05 s). */
async function newJiti(directory: string): Promise<Jiti> {
  const [{ createJiti }, millrace] = await Promise.all([import('jiti'), import('millrace')])
  const modules = packagesAbove(directory)
  return createJiti(join(directory, 'millrace.config'), {
    // Not in the directory for temporary files, which jiti takes by itself: others could put their code there.
    fsCache: modules === null ? false : join(modules, '.cache', 'millrace'),
    moduleCache: false,
    interopDefault: true,
    virtualModules: { millrace },
  })
}

function packagesAbove(directory: string): string | null {
  for (let at = directory; ; at = dirname(at)) {
    const modules = join(at, 'node_modules')
    if (existsSync(modules)) return modules
    if (dirname(at) === at) return null
  }
}
