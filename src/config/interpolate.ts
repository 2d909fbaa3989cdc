import { readFile } from 'node:fs/promises'
import { resolve } from 'node:path'
import { errorText } from '../core/error-report.js'
import { shown } from '../core/options.js'
import type { Problem } from './config-error.js'
import { type ConfigPath, pathText } from './config-path.js'
import { isPlainObject } from './plain-object.js'
import { isSecretKey } from './secret-keys.js'

/** What interpolation needs, and what it notes. */
export interface Interpolation {
  readonly env: Readonly<Record<string, string | undefined>>
  /** Where `${file:…}` begins. */
  readonly directory: string
  readonly problems: Problem[]
  /** Values that must not be shown: of files, and of variables whose name says so. */
  readonly secrets: Set<string>
  /** Texts that were one `${…}` as a whole, by path: where a number or a boolean is wanted, they may become one. */
  readonly whole: Set<string>
}

/**
 * A copy of a config with values in the place of `${NAME}`, `${NAME:-default}` and `${file:path}`, in every text at any depth; `$${` stands for `${`.
 *
 * What is not plain (pipelines, functions, dates) is kept as it is. What has no value becomes a problem, and the text stays.
 */
export async function interpolate(value: unknown, path: ConfigPath, into: Interpolation): Promise<unknown> {
  if (typeof value === 'string') return value.includes('${') ? ofText(value, path, into) : value
  if (Array.isArray(value)) {
    const items: unknown[] = []
    for (const [i, item] of value.entries()) items.push(await interpolate(item, [...path, i], into))
    return items
  }
  if (!isPlainObject(value)) return value
  const entries: [string, unknown][] = []
  for (const [key, item] of Object.entries(value)) entries.push([key, await interpolate(item, [...path, key], into)])
  // Not by assignment: a key may be __proto__.
  return Object.fromEntries(entries)
}

async function ofText(text: string, path: ConfigPath, into: Interpolation): Promise<string> {
  let result = ''
  let at = 0
  for (;;) {
    const start = text.indexOf('${', at)
    if (start < 0) return result + text.slice(at)
    if (text[start - 1] === '$' && start - 1 >= at) {
      result += `${text.slice(at, start - 1)}\${`
      at = start + 2
      continue
    }
    const end = closing(text, start + 2)
    if (end < 0) return refuse(text, path, into, 'a } after each ${ ($${ stands for ${ itself)', shown(text))
    const value = await valueOf(text.slice(start + 2, end), path, into)
    if (value === null) return text
    if (start === 0 && end === text.length - 1) into.whole.add(pathText(path))
    result += text.slice(at, start) + value
    at = end + 1
  }
}

/** Where the brace closes: a default may have braces and `${…}` of its own. */
function closing(text: string, from: number): number {
  let depth = 0
  for (let i = from; i < text.length; i++) {
    if (text[i] === '{') depth++
    else if (text[i] === '}' && depth-- === 0) return i
  }
  return -1
}

/** Null where there is none; then the problem was noted. */
async function valueOf(expression: string, path: ConfigPath, into: Interpolation): Promise<string | null> {
  if (expression.startsWith('file:')) return ofFile(expression.slice('file:'.length), path, into)
  const { name, fallback } = /^(?<name>[A-Za-z_]\w*)(?::-(?<fallback>[\s\S]*))?$/.exec(expression)?.groups ?? {}
  if (name === undefined) {
    refuse('', path, into, '${NAME}, ${NAME:-default} or ${file:path}', shown(`\${${expression}}`))
    return null
  }
  const value = Object.hasOwn(into.env, name) ? into.env[name] : undefined
  if (value !== undefined && (value !== '' || fallback === undefined)) {
    if (isSecretKey(name)) into.secrets.add(value)
    return value
  }
  if (fallback !== undefined) return ofText(fallback, path, { ...into, whole: new Set() })
  refuse('', path, into, `${name} in the environment, or a default: \${${name}:-…}`, 'nothing')
  return null
}

async function ofFile(path: string, where: ConfigPath, into: Interpolation): Promise<string | null> {
  try {
    const value = (await readFile(resolve(into.directory, path), 'utf8')).replace(/\r?\n$/, '')
    into.secrets.add(value)
    // A log has one line at a time.
    for (const line of value.split(/\r?\n/)) if (line.length >= 16) into.secrets.add(line)
    return value
  } catch (error) {
    refuse('', where, into, `a file that can be read: ${path}`, errorText(error))
    return null
  }
}

function refuse(text: string, path: ConfigPath, into: Interpolation, expected: string, given: string): string {
  into.problems.push({ path: pathText(path), expected, given })
  return text
}
