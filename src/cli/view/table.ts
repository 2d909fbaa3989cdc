import { bar, counted, spoken } from '../bar.js'
import type { Row } from './row.js'

/** How the table is drawn. */
export interface TableOptions {
  /** Columns of the terminal: no line is longer. */
  readonly columns: number
  /** Rows of the terminal that may be used, header included. */
  readonly rows: number
  readonly isColoured: boolean
}

interface Column {
  readonly title: string
  readonly isNumber: boolean
  /** The first of them goes where there is no room; 0 stays. */
  readonly leaves: number
  cell(row: Row): string
}

const columnsOfTable: readonly Column[] = [
  { title: 'PIPELINE', isNumber: false, leaves: 0, cell: ({ name }) => name.replace(/\p{C}/gu, '?') },
  { title: 'STATE', isNumber: false, leaves: 0, cell: ({ state }) => state },
  { title: 'RATE', isNumber: true, leaves: 5, cell: ({ rate }) => (rate === null ? '–' : `${counted(rate)}/s`) },
  { title: 'IN FLIGHT', isNumber: true, leaves: 3, cell: ({ inFlight }) => counted(inFlight) },
  { title: 'LAG', isNumber: true, leaves: 6, cell: ({ lag }) => (lag === null ? '–' : counted(lag)) },
  { title: 'QUARANTINED', isNumber: true, leaves: 4, cell: ({ quarantined }) => counted(quarantined) },
  { title: 'OLDEST', isNumber: true, leaves: 2, cell: ({ oldestUnsettledMs: ms, inFlight }) => (inFlight === 0 ? '–' : age(ms)) },
  { title: 'DELIVERED', isNumber: true, leaves: 1.5, cell: ({ delivered }) => counted(delivered) },
  { title: '', isNumber: false, leaves: 1, cell: progress },
]

/** The pipelines as a table that fits: what has no room leaves, column by column, and names are cut last. */
export function tableLines(rows: readonly Row[], { columns, rows: height, isColoured }: TableOptions): string[] {
  const room = Math.max(1, height - 1)
  const shown = rows.length <= room ? rows : rows.slice(0, Math.max(0, room - 1))
  const drawn = fitting(shown, columns)
  const hasRoomBelow = !drawn.some(({ cell }) => cell === progress) && 2 * rows.length < height
  const paint = (codes: string, text: string) => (isColoured ? `\u001b[${codes}m${text}\u001b[0m` : text)
  const lines = [paint('2', line(drawn, ({ title }) => title).slice(0, columns))]
  for (const row of shown) {
    const text = line(drawn, column => column.cell(row))
    lines.push(paint(colourOf(row), text.length <= columns ? text : `${text.slice(0, Math.max(0, columns - 1))}…`))
    // The bar has no room beside the rest on most terminals: then it gets a line of its own, while there is something to wait for.
    const below = `  ${progress(row)}`
    if (hasRoomBelow && isUnderWay(row) && below.length <= columns) lines.push(below)
  }
  if (shown.length < rows.length) lines.push(`… ${rows.length - shown.length} more`.slice(0, columns))
  return lines.slice(0, Math.max(1, height))
}

interface Drawn extends Column {
  readonly width: number
}

function fitting(rows: readonly Row[], columns: number): Drawn[] {
  let drawn = columnsOfTable.map(column => ({
    ...column,
    width: Math.max(column.title.length, ...rows.map(row => column.cell(row).length)),
  }))
  const widthOf = (all: readonly Drawn[]) => all.reduce((sum, { width }) => sum + width + GAP.length, -GAP.length)
  while (widthOf(drawn) > columns) {
    const leaving = drawn.filter(({ leaves }) => leaves > 0).sort((a, b) => a.leaves - b.leaves)[0]
    if (leaving === undefined) break
    drawn = drawn.filter(column => column !== leaving)
  }
  const over = widthOf(drawn) - columns
  const name = drawn[0]!
  return over <= 0 ? drawn : [{ ...name, width: Math.max(MIN_NAME, name.width - over) }, ...drawn.slice(1)]
}

const GAP = '  '
const MIN_NAME = 8

function line(drawn: readonly Drawn[], cellOf: (column: Column) => string): string {
  return drawn
    .map(column => {
      const { width, isNumber } = column
      const cell = cellOf(column)
      const cut = cell.length <= width ? cell : `${cell.slice(0, width - 1)}…`
      return isNumber ? cut.padStart(width) : cut.padEnd(width)
    })
    .join(GAP)
    .trimEnd()
}

function progress({ part, secondsLeft }: Row): string {
  if (part === null) return ''
  const left = secondsLeft === null ? '' : `  ${spoken(secondsLeft)} left`
  return `${bar(part)} ${`${Math.floor(part * 100)}`.padStart(3)} %${left}`
}

const isUnderWay = ({ part, state }: Row): boolean => part !== null && part < 1 && (state === 'running' || state === 'draining')

const age = (ms: number): string => (ms < 10_000 ? `${(ms / 1_000).toFixed(1)} s` : spoken(ms / 1_000))

function colourOf({ state }: Row): string {
  if (state === 'failed') return '31'
  if (state.startsWith('waiting')) return '33'
  return state === 'stopped' ? '2' : '0'
}
