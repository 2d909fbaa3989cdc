import { createRequire } from 'node:module'

/**
 * The cells of one CSV row (RFC 4180), without its line end; or, in words, why it is none.
 *
 * fast-csv parses every row in which something is quoted. A row with neither quotes nor line ends is what stands between its commas and is cut
 * there: fast-csv makes an object of every character, which costs twenty times as much.
 */
export function csvCells(row: string): readonly string[] | string {
  if (!row.includes('"') && !row.includes('\n') && !row.includes('\r')) return row.split(',')
  const parser = rowParser()
  let rows: readonly (readonly string[])[]
  try {
    rows = parser.parse(row, false).rows
  } catch (error) {
    return (error as Error).message.includes('missing closing') ? 'a quote is not closed' : 'text follows a closing quote'
  }
  if (rows.length > 1) return `there are ${rows.length} rows`
  const cells = rows[0] ?? ['']
  // fast-csv drops a first cell of nothing but blanks; RFC 4180 §2.4: spaces are part of a field.
  const blanks = /^[^\S\r\n]+(?=,)/.exec(row)
  return blanks === null ? cells : [blanks[0], ...cells.slice(1)]
}

/** Where the first row ends: the index of the LF that ends it, outside of quotes; the text's length where there is none. */
export function csvRowEnd(text: string): number {
  let isQuoted = false
  let isCellStart = true
  for (let i = 0; i < text.length; i++) {
    const c = text[i]!
    // A doubled quote closes and opens again.
    if (c === '"' && (isQuoted || isCellStart || text[i - 1] === '"')) isQuoted = !isQuoted
    else if (!isQuoted && c === '\n') return i
    isCellStart = c === ',' && !isQuoted
  }
  return text.length
}

/** Parses text as CSV, at once. */
export interface RowParser {
  parse(text: string, hasMoreData: boolean): { readonly rows: readonly (readonly string[])[] }
}

let loaded: RowParser | undefined

/**
 * The synchronous parser within fast-csv's stream, which is not exported. A stream a row would cost 30 µs and an asynchronous step.
 *
 * fast-csv is 25 files, which a process without CSV need not pay for at its start. Whoever will have CSV loads it before the first row: a process
 * without a file descriptor to spare could not then.
 */
export function rowParser(): RowParser {
  if (loaded === undefined) {
    const { CsvParserStream, ParserOptions } = createRequire(import.meta.url)('fast-csv') as typeof import('fast-csv')
    loaded = new CsvParserStream(new ParserOptions())['parser'] as RowParser
  }
  return loaded
}
