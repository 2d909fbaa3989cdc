import { readdir, stat } from 'node:fs/promises'
import { dirname, resolve } from 'node:path'
import { MillraceError } from '../core/errors.js'

/** The endings of config files. */
export const configEndings = ['ts', 'mts', 'js', 'mjs', 'json', 'toml', 'yaml', 'yml'] as const

/**
 * The config file: the one that is named, else `millrace.config.*` in a directory or the nearest above it.
 *
 * @param from - The directory to begin with, and what `named` is relative to.
 * @throws {MillraceError} `MILL_CONFIG_MISSING`; `MILL_CONFIG_AMBIGUOUS` where one directory has two.
 */
export async function findConfig(from: string, named?: string): Promise<string> {
  if (named !== undefined) return namedConfig(from, named)
  for (let directory = resolve(from); ; directory = dirname(directory)) {
    const found = (await namesIn(directory)).filter(isConfig).sort()
    if (found.length > 1) throw new MillraceError('MILL_CONFIG_AMBIGUOUS', { directory, files: found })
    if (found.length === 1) return resolve(directory, found[0]!)
    if (dirname(directory) === directory) break
  }
  const file = `millrace.config.{${configEndings.join(',')}}`
  throw new MillraceError('MILL_CONFIG_MISSING', { file, where: `in ${resolve(from)} or above it` })
}

const isConfig = (name: string): boolean => configEndings.some(ending => name === `millrace.config.${ending}`)

async function namedConfig(from: string, named: string): Promise<string> {
  const file = resolve(from, named)
  const found = await stat(file).catch(() => null)
  if (found === null) throw new MillraceError('MILL_CONFIG_MISSING', { file: named, where: `(${file})` })
  if (found.isDirectory()) throw new MillraceError('MILL_CONFIG_MISSING', { file: named, where: `(${file} is a directory)` })
  return file
}

/** None where it may not be read: a directory above may belong to others. */
async function namesIn(directory: string): Promise<string[]> {
  try {
    return await readdir(directory)
  } catch {
    return []
  }
}
