import { type ErrorReport, errorReport, reasonOf } from '../../core/error-report.js'
import { originText } from '../../core/position.js'
import type { QuarantineEntry } from '../../core/quarantine.js'
import { counted, spoken } from '../bar.js'
import { bytesLines, placesIn, textOf } from './bytes-lines.js'
import { clipped, onOneLine, printable } from './printable.js'

const MAX_ATTEMPTS = 10

/** One entry, all of it, for people. @param now - Milliseconds since 1970. */
export function entryLines(entry: QuarantineEntry, now: number): string[] {
  const { id, pipeline, at, version, origin, stage, error, attempts, key, headers, timestamp } = entry
  const row = (label: string, lines: readonly string[]) => lines.map((line, i) => `  ${(i === 0 ? label : '').padEnd(11)}${line}`)
  return [
    `entry ${id} of pipeline ${onOneLine(pipeline)}`,
    ...row('when', [`${new Date(at).toISOString()}, ${spoken(Math.max(0, now - at) / 1000)} ago, by Millrace ${onOneLine(version)}`]),
    ...row('origin', [onOneLine(originText(origin))]),
    ...row('stage', [onOneLine(stage)]),
    ...row('error', errorLines(error)),
    ...row('attempts', attemptLines(attempts.map(attempt => ({ at: attempt.at, error: errorReport(attempt.error) })))),
    ...row('record', [`of ${new Date(timestamp).toISOString()}, key ${key === null ? 'none' : shownBytes(key)}`]),
    ...row('headers', headers.length === 0 ? ['none'] : headers.map(([name, value]) => `${onOneLine(name)}: ${shownBytes(value)}`)),
    ...row('bytes', [sizeText(entry)]),
    '',
    ...bytesLines(entry.raw, placesIn(innermost(error))).map(line => `  ${line}`),
  ]
}

function errorLines(error: ErrorReport): string[] {
  const lines: string[] = []
  for (let at: ErrorReport | undefined = error; at !== undefined; at = at.cause) {
    const { sqlstate, constraint } = at
    const more = [sqlstate && `SQLSTATE ${sqlstate}`, constraint && `constraint ${constraint}`].filter(Boolean).join(', ')
    const told = printable(at.message).split('\n')
    lines.push(
      `${lines.length === 0 ? '' : 'because: '}${onOneLine(reasonOf(at))}: ${told[0]}${more && !at.message.includes(sqlstate ?? '\0') ? ` (${more})` : ''}`,
    )
    lines.push(...told.slice(1).map(line => `  ${line}`))
  }
  return lines
}

function attemptLines(attempts: readonly { readonly at: number; readonly error: ErrorReport }[]): string[] {
  if (attempts.length <= 1) return ['one']
  const lines = attempts.slice(-MAX_ATTEMPTS).map(({ at, error }) => `${new Date(at).toISOString()}  ${clipped(error.message, 100)}`)
  const left = attempts.length - lines.length
  return left > 0 ? [`${left} before these`, ...lines] : lines
}

function sizeText({ raw, rawBytes, rawSha256, isTombstone }: QuarantineEntry): string {
  if (isTombstone) return 'none: it is a tombstone'
  if (rawBytes <= raw.byteLength) return `${counted(rawBytes)}, all of them kept`
  return `${counted(rawBytes)}, of which the first ${counted(raw.byteLength)} are kept${rawSha256 === undefined ? '' : `; sha256 of all: ${rawSha256}`}`
}

function shownBytes(bytes: Uint8Array): string {
  const text = textOf(bytes)
  return text === undefined ? `0x${Buffer.from(bytes).toString('hex').slice(0, 80)}` : clipped(JSON.stringify(text), 100)
}

/** The message that names a place: the outermost may only say that a step failed. */
function innermost(error: ErrorReport): string {
  const messages: string[] = []
  for (let at: ErrorReport | undefined = error; at !== undefined; at = at.cause) messages.push(at.message)
  return (
    messages.find(message => placesIn(message).pointers.size > 0 || / at line \d+, column|byte \d+ is not/.test(message)) ?? error.message
  )
}
