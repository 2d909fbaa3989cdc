import { existsSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { basename, dirname, extname } from 'node:path'
import { errorText } from '../core/error-report.js'
import { MillraceError } from '../core/errors.js'
import { configEndings } from './find-config.js'
import { importFile, placeOf } from './load-module.js'
import { redactText } from './redact-text.js'

/**
 * What a config file holds, unchecked. Its parser is loaded on demand.
 *
 * @param secrets - What must not stand in an error, whatever the config's code throws.
 * @throws {MillraceError} `MILL_CONFIG_UNREADABLE`, with the line where the format has lines; `MILL_CONFIG_MISSING`.
 */
export async function readConfig(file: string, secrets: readonly string[] = []): Promise<unknown> {
  const read = readers[extname(file).slice(1)]
  if (read === undefined) throw unreadable(file, `its name ends in none of ${configEndings.join(', ')}`)
  if (!existsSync(file)) throw new MillraceError('MILL_CONFIG_MISSING', { file: basename(file), where: `in ${dirname(file)}` })
  try {
    return await read(file)
  } catch (error) {
    throw unreadable(file, redactText(`${errorText(error).trim()}${placeOf(error, dirname(file))}`, secrets), error)
  }
}

const unreadable = (file: string, reason: string, cause?: unknown) =>
  new MillraceError('MILL_CONFIG_UNREADABLE', { file, reason }, cause === undefined ? {} : { cause })

type Read = (file: string) => Promise<unknown>

const ofCode: Read = file => importFile(file, dirname(file))
const ofText =
  (parse: (text: string) => unknown): Read =>
  async file =>
    parse((await readFile(file, 'utf8')).replace(/^\uFEFF/, ''))

const ofYaml: Read = async file => {
  const { parseDocument } = await import('yaml')
  return ofText(text => {
    const document = parseDocument(text, { merge: true, uniqueKeys: true })
    const [problem] = [...document.errors, ...document.warnings]
    if (problem !== undefined) throw withoutFrame(problem)
    return document.toJS()
  })(file)
}

const ofToml: Read = async file => {
  const { parse, TomlError } = await import('smol-toml')
  return ofText(text => {
    try {
      return withoutDates(parse(text))
    } catch (error) {
      throw error instanceof TomlError ? withoutFrame(error, ` at line ${error.line}, column ${error.column}`) : error
    }
  })(file)
}

/** The lines around the place, which parsers show, may hold a secret; so the error itself is not kept as a cause. */
function withoutFrame(error: Error, place = ''): Error {
  return new SyntaxError(`${error.message.split('\n')[0]!.replace(/[\s:]+$/, '')}${place}`)
}

const readers: Readonly<Record<string, Read>> = {
  ts: ofCode,
  mts: ofCode,
  js: ofCode,
  mjs: ofCode,
  json: ofText(jsonOf),
  toml: ofToml,
  yaml: ofYaml,
  yml: ofYaml,
}

/** TOML has times of its own; in a config they are texts, as in the other formats. */
function withoutDates(value: unknown): unknown {
  if (value instanceof Date) return value.toISOString()
  if (Array.isArray(value)) return value.map(withoutDates)
  if (typeof value !== 'object' || value === null) return value
  return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, withoutDates(item)]))
}

/** JSON.parse shows what stands around the place, which may be a secret, and seldom says where it is. */
function jsonOf(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch (error) {
    const reason = (error as Error).message.replace(/,? (\.\.\.)?"[\s\S]*| (in JSON )?at position [\s\S]*/, '')
    const before = text.slice(0, viableLength(text)).split('\n')
    throw new SyntaxError(`${reason} at line ${before.length}, column ${before.at(-1)!.length + 1}`)
  }
}

/** How much of a text may still become JSON: up to there JSON.parse misses only the end. */
function viableLength(text: string): number {
  let viable = 0
  for (let step = 2 ** Math.ceil(Math.log2(text.length + 1)); step >= 1; step /= 2) {
    if (viable + step <= text.length && isViable(text.slice(0, viable + step))) viable += step
  }
  return viable
}

function isViable(text: string): boolean {
  try {
    JSON.parse(text)
    return true
  } catch (error) {
    const { message } = error as Error
    return /Unexpected end|Unterminated/.test(message) || Number(/at position (\d+)/.exec(message)?.[1]) === text.length
  }
}
