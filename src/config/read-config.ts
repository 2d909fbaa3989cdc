import { readFile } from 'node:fs/promises'
import { basename, dirname, extname } from 'node:path'
import { errorText } from '../core/error-report.js'
import { MillraceError } from '../core/errors.js'
import { configEndings } from './find-config.js'
import { loadModule } from './load-module.js'

/**
 * What a config file holds, unchecked. Its parser is loaded on demand.
 *
 * @throws {MillraceError} `MILL_CONFIG_UNREADABLE`, with the line where the format has lines; `MILL_CONFIG_MISSING`.
 */
export async function readConfig(file: string): Promise<unknown> {
  const ending = extname(file).slice(1)
  const read = readers[ending]
  if (read === undefined) throw unreadable(file, `its name ends in none of ${configEndings.join(', ')}`)
  try {
    return await read(file)
  } catch (error) {
    if ((error as NodeJS.ErrnoException | null)?.code === 'ENOENT' && (error as NodeJS.ErrnoException).path === file)
      throw new MillraceError('MILL_CONFIG_MISSING', { file: basename(file), where: `in ${dirname(file)}` }, { cause: error })
    throw unreadable(file, errorText(error).trimEnd(), error)
  }
}

const unreadable = (file: string, reason: string, cause?: unknown) =>
  new MillraceError('MILL_CONFIG_UNREADABLE', { file, reason }, cause === undefined ? {} : { cause })

type Read = (file: string) => Promise<unknown>

const ofCode: Read = async file => loadModule(`./${basename(file)}`, dirname(file))
const ofText =
  (parse: (text: string) => unknown): Read =>
  async file =>
    parse((await readFile(file, 'utf8')).replace(/^\uFEFF/, ''))

const ofYaml: Read = async file => {
  const { parseDocument } = await import('yaml')
  return ofText(text => {
    const document = parseDocument(text, { merge: true, uniqueKeys: true })
    const [problem] = [...document.errors, ...document.warnings]
    if (problem !== undefined) throw problem
    return document.toJS()
  })(file)
}

const ofToml: Read = async file => {
  const { parse } = await import('smol-toml')
  return ofText(text => withoutDates(parse(text)))(file)
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

/** JSON.parse, which tells the position; people want line and column. */
function jsonOf(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch (error) {
    const position = /at position (\d+)/.exec((error as Error).message)?.[1]
    if (position === undefined) throw error
    const before = text.slice(0, Number(position)).split('\n')
    const reason = (error as Error).message.replace(/ (in JSON )?at position .*$/s, '')
    throw new SyntaxError(`${reason} at line ${before.length}, column ${before.at(-1)!.length + 1}`, { cause: error })
  }
}
