import { csvCells, csvRowEnd, rowParser } from './csv-cells.js'

/** A row by the names of its columns; or, in words, why it is none. */
export type CsvRecord = { readonly [column: string]: string } | string

/**
 * Reads records that hold a header row, a line end and one row. The header is looked at once: as long as a record begins with the same one,
 * only the row is parsed.
 */
export class CsvRecordReader {
  /** The header with its line end, as text. */
  private head: string | null = null
  private columns: readonly string[] = []
  private problem: string | null = null

  constructor() {
    rowParser()
  }

  read(text: string): CsvRecord {
    if (this.head === null || !text.startsWith(this.head)) {
      const end = csvRowEnd(text)
      if (end === text.length) return text === '' ? 'it is empty' : 'no row follows the header'
      this.learn(text.slice(0, end + 1))
    }
    if (this.problem !== null) return this.problem
    const cells = csvCells(withoutLineEnd(text, this.head!.length))
    if (typeof cells === 'string') return cells
    const { columns } = this
    if (cells.length !== columns.length) return `${cells.length} cells, but the header has ${columns.length}`
    const record: Record<string, string> = {}
    for (let i = 0; i < columns.length; i++) {
      const column = columns[i]!
      if (column === '__proto__')
        Object.defineProperty(record, column, { value: cells[i], enumerable: true, configurable: true, writable: true })
      else record[column] = cells[i]!
    }
    return record
  }

  private learn(head: string): void {
    this.head = head
    const columns = csvCells(withoutLineEnd(head, 0))
    this.problem = typeof columns === 'string' ? `in the header ${columns}` : headerProblem(columns)
    this.columns = typeof columns === 'string' ? [] : columns
  }
}

function headerProblem(columns: readonly string[]): string | null {
  const empty = columns.findIndex(column => column.trim() === '')
  if (empty >= 0) return `column ${empty + 1} has no name`
  const seen = new Set<string>()
  const twice = columns.find(column => seen.size === seen.add(column).size)
  return twice === undefined ? null : `two columns have the name ${JSON.stringify(twice)}`
}

function withoutLineEnd(text: string, from: number): string {
  const { length } = text
  if (text[length - 1] !== '\n' || length === from) return text.slice(from)
  return text.slice(from, text[length - 2] === '\r' ? Math.max(from, length - 2) : length - 1)
}
