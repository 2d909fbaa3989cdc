import { reasonOf } from '../../core/error-report.js'
import { originText } from '../../core/position.js'
import type { QuarantineEntry } from '../../core/quarantine.js'
import { clipped, onOneLine } from './printable.js'

/** Of an error in a table that no terminal bounds. */
const MESSAGE_WIDTH = 100
const MIN_MESSAGE_WIDTH = 20

/** Entries as a table, a line each, the first line its head. @param width - Of the terminal; undefined where there is none. */
export function entryTable(entries: readonly QuarantineEntry[], width: number | undefined): string[] {
  const head = ['ID', 'PIPELINE', 'WHEN', 'STAGE', 'CODE', 'ORIGIN']
  const rows = entries.map(entry => [
    entry.id,
    onOneLine(entry.pipeline),
    new Date(entry.at).toISOString().replace('.000Z', 'Z'),
    onOneLine(entry.stage),
    onOneLine(reasonOf(entry.error)),
    clipped(originText(entry.origin), 60),
  ])
  const widths = head.map((name, i) => Math.max(name.length, ...rows.map(row => row[i]!.length)))
  const used = widths.reduce((sum, each) => sum + each + 2, 0)
  const left = width === undefined ? MESSAGE_WIDTH : Math.max(MIN_MESSAGE_WIDTH, width - used)
  const line = (cells: readonly string[], last: string) => `${cells.map((cell, i) => cell.padEnd(widths[i]!)).join('  ')}  ${last}`
  return [line(head, 'ERROR'), ...rows.map((row, i) => line(row, clipped(entries[i]!.error.message, left)))]
}

/** One entry in short, for a program. */
export function entrySummary({ id, pipeline, at, stage, error, origin, rawBytes }: QuarantineEntry): object {
  return { id, pipeline, at: new Date(at).toISOString(), stage, code: reasonOf(error), message: error.message, origin, rawBytes }
}
