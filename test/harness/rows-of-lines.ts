import type { Database } from '../../src/drivers/postgres/database.js'
import {
  decode,
  definePipeline,
  filesSource,
  type Pipeline,
  postgresQuarantine,
  postgresSink,
  type RecordContext,
  transform,
} from '../../src/index.js'
import { filesIn } from './files-run.js'

/** Where the lines go, and how. */
export interface RowsOfLines {
  readonly name: string
  readonly database: Database
  /** Of any columns: what the lines hold fits it, or is what the test is about. */
  readonly table: object
  /** Default: append with the ledger. */
  readonly write?: object
  /** Default: the line's value is the row. */
  readonly toRow?: (value: never, context: RecordContext) => object
}

/** JSON lines → rows of a table, and what fails into the database's quarantine: for tests of what a row holds, and of how things are named. */
export async function rowsOfLines(
  lines: readonly string[],
  { name, database, table, write = { mode: 'append', ledger: true }, toRow = (row: object) => row }: RowsOfLines,
): Promise<Pipeline> {
  const root = await filesIn({ in: lines.map(line => `${line}\n`).join('') })
  return definePipeline({
    name,
    source: filesSource({ root, paths: '*', format: 'ndjson' }),
    steps: records => records.pipe(decode('json'), transform(toRow as (value: unknown, context: RecordContext) => object)),
    sink: postgresSink(database, table as never, write as never) as never,
    onFailure: postgresQuarantine(database),
  })
}
