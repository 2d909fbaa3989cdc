import type { Finding, InspectionContext } from '../../core/inspection.js'
import type { Database } from '../../drivers/postgres/database.js'
import { inspectDatabase } from '../../drivers/postgres/inspect-database.js'
import { inspectTable, inspectTableOfNew, type TableUse } from '../../tables/inspect-table.js'
import type { TableCodec } from '../../tables/table-codec.js'
import { inspectLedgerTables } from './ledger-tables.js'
import type { WriteMode } from './write-sql.js'

/** What a Postgres sink tells of itself. */
export interface SinkFacts {
  readonly database: Database
  readonly codec: TableCodec
  readonly how: WriteMode
  readonly ledger: boolean
  readonly maxConcurrentWrites: number
  readonly isStaged: boolean
}

/** For `millrace explain`. */
export function describeSink({ database, codec, how, ledger, maxConcurrentWrites, isStaged }: SinkFacts): readonly string[] {
  const { name, columns, create } = codec.definition
  const key = codec.key.length > 0 ? `, key (${codec.key.join(', ')})` : ''
  const path = isStaged ? 'COPY into a temporary table, then one statement' : 'COPY into the table'
  return [
    `Postgres: table ${name} in database ${database.name}`,
    `columns: ${[...columns.keys()].join(', ')}${key}${create ? '; made where it is missing' : ''}`,
    `mode: ${modeText(how)}`,
    `write path: ${path}${ledger ? ', with the ledger in the same transaction' : ''}; ${maxConcurrentWrites} at a time`,
    `guarantees: ${guarantee(name, how, ledger)}`,
  ]
}

function modeText({ mode, onDuplicate, merge }: WriteMode): string {
  if (mode !== 'append') return `${mode}, sets ${merge.join(', ')}`
  return onDuplicate === undefined ? 'append' : `append, duplicates: ${onDuplicate}`
}

function guarantee(table: string, { mode, onDuplicate }: WriteMode, ledger: boolean): string {
  if (ledger) return `each record exactly once in table ${table}`
  if (mode !== 'append' || onDuplicate === 'ignore')
    return `each record at least once in table ${table}; when it comes again, nothing changes`
  return `each record at least once in table ${table}${onDuplicate === 'quarantine' ? '; one that comes again goes to quarantine' : ''}`
}

/** For `millrace doctor`. */
export function inspectSink({ database, codec, how, ledger, isStaged }: SinkFacts, context: InspectionContext): AsyncIterable<Finding> {
  const use: TableUse = { rights: rightsOf(how, isStaged), isStaged }
  return inspectDatabase(database, context, {
    look: async (queries, user) => [
      ...(await inspectTable(queries, user, codec.definition, use)),
      ...(ledger ? await inspectLedgerTables(queries, user) : []),
    ],
    whereNew: () => inspectTableOfNew(codec.definition),
  })
}

/** Reading is for the temporary table, which is made after the table, and for what stands in the way of a row. */
function rightsOf({ mode }: WriteMode, isStaged: boolean): TableUse['rights'] {
  if (mode === 'upsert') return ['SELECT', 'INSERT', 'UPDATE']
  if (mode === 'update') return ['SELECT', 'UPDATE']
  return isStaged ? ['SELECT', 'INSERT'] : ['INSERT']
}
