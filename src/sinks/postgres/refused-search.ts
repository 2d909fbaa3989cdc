import { MillraceError } from '../../core/errors.js'
import { faultOf, refusalOf } from '../../drivers/postgres/database-error.js'
import type { DatabaseConnection } from '../../drivers/postgres/database-session.js'
import type { ShapedRows } from '../../tables/table-codec.js'
import { EncodedRows } from './encoded-rows.js'
import { type Attempt, findRefused, type Trouble } from './find-refused.js'
import { type Statement, sqlFor } from './statement.js'
import type { WriteSql } from './write-sql.js'

/** Whether the server refused what a row is, or does. */
export function isRecordFault(error: unknown): error is MillraceError {
  const refusal = refusalOf(error)
  return refusal !== undefined && faultOf(refusal.sqlstate) === 'record'
}

/** ON CONFLICT met a row twice: of the statement, not of a row. */
const CARDINALITY_VIOLATION = '21000'

/** What is known before the search. */
interface SearchStart {
  /** Why the batch was refused as a whole. */
  readonly first: MillraceError
  /** It was a duplicate where none is allowed: then all of them are told by one statement, however many there are. */
  readonly isDuplicate: boolean
  /** All that is written will be rolled back. */
  readonly isTrial: boolean
}

/** Where a search begins. */
interface Beginning {
  /** What a write of all its rows has shown. */
  readonly known: MillraceError | null
  /** The staging table holds rows of a search before it. */
  readonly isNext: boolean
}

/** Finds the rows that a server refuses, within a transaction that is open: what it takes is written, in savepoints. */
export class RefusedSearch {
  constructor(
    private readonly connection: DatabaseConnection,
    private readonly sql: WriteSql,
    private readonly start: SearchStart,
  ) {}

  /** The errors by the rows' indexes among all. */
  write(groups: readonly ShapedRows[]): Promise<Map<number, MillraceError>> {
    return this.search(groups, { known: groups.length === 1 ? this.start.first : null, isNext: false })
  }

  /** As `write`, of other rows: nothing is known of them. */
  writeAgain(groups: readonly ShapedRows[]): Promise<Map<number, MillraceError>> {
    return this.search(groups, { known: null, isNext: true })
  }

  private async search(groups: readonly ShapedRows[], { known, isNext }: Beginning): Promise<Map<number, MillraceError>> {
    const { isDuplicate, isTrial } = this.start
    const refused = new Map<number, MillraceError>()
    const isStaged = this.sql.isStaged || isDuplicate
    for (const [i, group] of groups.entries()) {
      const rows = new EncodedRows(group, isStaged)
      const copying = this.attempts((from, to) => ({ sql: this.sql.copy(group.shape), copy: [rows.slice(from, to)] }))
      const found = isStaged
        ? await this.stage(group, rows, { known, isNext: isNext || i > 0 })
        : await findRefused(rows.count, copying, { known: troubleOf(known, 0), isTrial })
      for (const [row, error] of found) refused.set(group.indexes?.[row] ?? row, error)
    }
    return refused
  }

  /** Before COMMIT. */
  async finish(): Promise<void> {
    if (this.sql.isStaged || this.start.isDuplicate) await this.connection.message(this.sql.dropStageIndex)
  }

  /** Two searches: what cannot be read as the columns' types shows in COPY, with its line; what breaks a constraint when it is applied. */
  private async stage(group: ShapedRows, rows: EncodedRows, at: Beginning) {
    const { isDuplicate, isTrial } = this.start
    if (at.isNext) await this.connection.message(this.sql.emptyStage)
    const known = isDuplicate ? null : at.known
    const isOfCopy = known !== null && refusalOf(known)!.line !== undefined
    const staging = this.attempts((from, to) => ({ sql: this.sql.copyToStage(group.shape), copy: [rows.slice(from, to)] }))
    const unread = await findRefused(rows.count, staging, { known: isOfCopy ? troubleOf(known, 0) : null, isTrial })
    // Staged are not all rows then, and what is applied would be undone.
    if (isTrial && unread.size > 0) return unread
    await this.connection.message(this.sql.indexStage)
    const duplicates = new Map<number, MillraceError>()
    // A bad value in a recordset has no line; now that its row is left out, the rest is to be seen.
    const isOfApply = known !== null && !isOfCopy && unread.size === 0 && refusalOf(known)!.sqlstate !== CARDINALITY_VIOLATION
    const broken = await findRefused(rows.count, this.applying(group, duplicates), {
      known: isOfApply ? { error: known, row: null } : null,
    })
    return new Map([...unread, ...duplicates, ...broken])
  }

  private applying({ shape }: ShapedRows, duplicates: Map<number, MillraceError>): Attempt {
    const { isDuplicate, first } = this.start
    if (!isDuplicate) return this.attempts((from, to) => ({ sql: this.sql.apply(shape, { from, to }) }))
    return this.attempts(
      (from, to) => ({ sql: this.sql.insertNamingDuplicates(shape, { from, to }) }),
      row => duplicates.set(row, duplicateError(first)),
    )
  }

  /** Tries within a savepoint. `onRow` gets the first column of each row that the statement gives. */
  private attempts(statement: (from: number, to: number) => Statement, onRow?: (value: number) => void): Attempt {
    const { connection } = this
    return async (from, to) => {
      const tried = statement(from, to)
      const text = `savepoint millrace; ${sqlFor(connection, tried)}; release savepoint millrace`
      try {
        const results = await connection.message(text, tried.copy === undefined ? [] : [tried.copy])
        if (onRow !== undefined) for (const result of results) for (const [value] of result.rows) onRow(Number(value))
        return null
      } catch (error) {
        if (!isRecordFault(error)) throw error
        await connection.message('rollback to savepoint millrace; release savepoint millrace')
        return troubleOf(error, from)
      }
    }
  }
}

function troubleOf(error: MillraceError, from: number): Trouble
function troubleOf(error: MillraceError | null, from: number): Trouble | null
function troubleOf(error: MillraceError | null, from: number): Trouble | null {
  if (error === null) return null
  const line = refusalOf(error)?.line
  return { error, row: line === undefined ? null : from + line - 1 }
}

/** An error of each duplicate's own, without the first one's values, which its cause has. */
function duplicateError(first: MillraceError): MillraceError {
  return new MillraceError('MILL_DATABASE_REFUSED', first.details as MillraceError<'MILL_DATABASE_REFUSED'>['details'])
}
