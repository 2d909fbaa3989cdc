import type { LedgerPartition, LedgerSelection } from '../../core/inspection.js'
import { counted } from '../bar.js'
import type { Frame } from '../frame.js'
import { onOneLine } from '../quarantine/printable.js'
import { booksOf, coveredCount, isSelected } from './books-of.js'

/** Ranges that a line names; of more their number is told. */
const MAX_RANGES = 4

/** `ledger show`. */
export async function showLedger(
  frame: Frame,
  names: readonly string[],
  options: LedgerSelection & { readonly json?: true },
): Promise<void> {
  const config = await frame.loadConfig(names.length === 0 ? {} : { only: names })
  const found: { pipeline: string; partitions: readonly LedgerPartition[] }[] = []
  for (const { name, books } of await booksOf(config, names))
    found.push({ pipeline: name, partitions: (await books.list(name)).filter(row => isSelected(row, options)) })
  if (options.json) {
    const pipelines = found.map(({ pipeline, partitions }) => ({
      pipeline,
      partitions: partitions.map(row => ({ ...row, epoch: `${row.epoch}`, positions: coveredCount(row) })),
    }))
    frame.print(frame.hide(`${JSON.stringify({ pipelines })}\n`))
    return
  }
  const lines = found.flatMap(({ pipeline, partitions }) => [`pipeline ${onOneLine(pipeline)}`, ...table(partitions), ''])
  frame.print(frame.hide(lines.map(line => `${line}\n`).join('')))
}

function table(partitions: readonly LedgerPartition[]): string[] {
  if (partitions.length === 0) return ['  nothing is covered']
  const head = ['SOURCE', 'PARTITION', 'COVERED', 'POSITIONS', 'EPOCH', 'OWNER']
  const rows = partitions.map(row => [
    onOneLine(row.source),
    onOneLine(row.partition),
    counted(coveredCount(row)),
    rangesText(row),
    `${row.epoch}`,
    row.isOwned ? 'at work' : '',
  ])
  const widths = head.map((name, i) => Math.max(name.length, ...rows.map(row => row[i]!.length)))
  return [head, ...rows].map(cells => `  ${cells.map((cell, i) => cell.padEnd(widths[i]!)).join('  ')}`.trimEnd())
}

/** Half-open, as the ledger has them: `0…5,000` covers the positions before 5,000. */
function rangesText({ covered, ids }: LedgerPartition): string {
  const shown = covered.slice(0, MAX_RANGES).map(([from, to]) => `${counted(from)}…${counted(to)}`)
  if (covered.length > MAX_RANGES) shown.push(`and ${covered.length - MAX_RANGES} ranges more`)
  if (ids > 0) shown.push(`${counted(ids)} ids`)
  return shown.join(' ')
}
