import { jsonLines } from './json-lines.js'
import { printable } from './printable.js'

/** What an error says of a place in a record. */
export interface Places {
  /** By JSON pointer what is wrong there. */
  readonly pointers: ReadonlyMap<string, string>
  /** From 1. */
  readonly at?: { readonly line: number; readonly column: number }
  /** From 0. */
  readonly byte?: number
}

/** Shown of one record; the rest is counted. */
const MAX_LINES = 400
const MAX_HEX_BYTES = 4_096
const ROW = 16

const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })

/** Bytes for people: JSON indented, other text as it is, anything else as a hexadecimal dump; what the error points at is marked. */
export function bytesLines(bytes: Uint8Array, places: Places): string[] {
  const text = textOf(bytes)
  if (text === undefined) return hexLines(bytes, places.byte)
  const json = jsonLines(text)
  if (json === undefined) return bounded(textLines(text, places.at))
  return bounded(json.map(line => marked(printable(line.text), line.pointer === null ? undefined : markOf(line.pointer, places.pointers))))
}

/** The text of bytes that are UTF-8; undefined where they are not. */
export function textOf(bytes: Uint8Array): string | undefined {
  try {
    return utf8.decode(bytes)
  } catch {
    return undefined
  }
}

/** The places that the text of an error names. Ours say them so: a JSON pointer before a problem, a line and column, a byte. */
export function placesIn(message: string): Places {
  const pointers = new Map<string, string>()
  for (const part of message.split('; ')) {
    const [, pointer, problem] = /^(?:value|(\/\S*)) (.+)$/s.exec(part) ?? []
    if (problem !== undefined) pointers.set(pointer ?? '', problem)
    const [, number, unsafe] = /^the number (\S+) at (\/\S*) cannot/.exec(part) ?? []
    if (unsafe !== undefined) pointers.set(unsafe, `${number} cannot be held exactly by a double`)
  }
  const [, line, column] = /at line (\d+), column (\d+)/.exec(message) ?? []
  const [, byte] = /\bbyte (\d+) is not UTF-8/.exec(message) ?? []
  return {
    pointers,
    ...(line !== undefined && { at: { line: Number(line), column: Number(column) } }),
    ...(byte !== undefined && { byte: Number(byte) }),
  }
}

/** What is wrong there; a member that is missing is told at the object that lacks it. */
function markOf(pointer: string, problems: ReadonlyMap<string, string>): string | undefined {
  const own = problems.get(pointer)
  const lacking = [...problems].filter(([path, problem]) => problem === 'is required' && path.slice(0, path.lastIndexOf('/')) === pointer)
  const told = [
    ...(own === undefined || own === 'is required' ? [] : [own]),
    ...lacking.map(([path]) => `${path.slice(path.lastIndexOf('/') + 1)} is required`),
  ]
  return told.length > 0 ? told.join('; ') : undefined
}

const marked = (line: string, mark: string | undefined): string => (mark === undefined ? line : `${line}    ← ${printable(mark)}`)

function textLines(text: string, at: Places['at']): string[] {
  const lines: string[] = []
  for (const [i, line] of text.split('\n').entries()) {
    lines.push(printable(line))
    if (at?.line !== i + 1) continue
    // As wide as it is shown.
    const before = printable(line.slice(0, at.column - 1)).replace(/[^\t]/g, ' ')
    lines.push(`${before}^ here`)
  }
  return lines
}

function hexLines(bytes: Uint8Array, wrong: number | undefined): string[] {
  const from = wrong === undefined ? 0 : Math.max(0, Math.floor((wrong - MAX_HEX_BYTES / 2) / ROW) * ROW)
  const to = Math.min(bytes.byteLength, from + MAX_HEX_BYTES)
  const lines: string[] = from === 0 ? [] : [`… ${from} bytes before`]
  for (let offset = from; offset < to; offset += ROW) {
    const row = [...bytes.subarray(offset, Math.min(to, offset + ROW))]
    const hex = row.map(byte => byte.toString(16).padStart(2, '0')).join(' ')
    const text = row.map(byte => (byte >= 32 && byte < 127 ? String.fromCharCode(byte) : '.')).join('')
    const isWrong = wrong !== undefined && wrong >= offset && wrong < offset + ROW
    lines.push(
      marked(`${offset.toString(16).padStart(8, '0')}  ${hex.padEnd(ROW * 3 - 1)}  |${text}|`, isWrong ? `byte ${wrong}` : undefined),
    )
  }
  return to < bytes.byteLength ? [...lines, `… ${bytes.byteLength - to} bytes more (--raw prints them all)`] : lines
}

const bounded = (lines: string[]): string[] =>
  lines.length > MAX_LINES ? [...lines.slice(0, MAX_LINES), `… ${lines.length - MAX_LINES} lines more (--raw prints them all)`] : lines
