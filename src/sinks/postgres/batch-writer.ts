import { MillraceError } from '../../core/errors.js'
import { type Batch, BatchError, type Cover } from '../../core/sink.js'
import { faultOf, isOutcomeUnknown, refusalOf } from '../../drivers/postgres/database-error.js'
import type { DatabaseConnection, DatabaseSession } from '../../drivers/postgres/database-session.js'
import type { ShapedRows, TableCodec } from '../../tables/table-codec.js'
import { findRefused, type Trouble } from './find-refused.js'
import type { FormerOwners } from './former-owners.js'
import type { Ledger } from './ledger.js'
import { type Statement, sendOneByOne, sendTogether, sqlFor } from './statement.js'
import { type WriteMode, WriteSql } from './write-sql.js'

const UNIQUE_VIOLATION = '23505'
const CARDINALITY_VIOLATION = '21000'

/** What a writer works with. */
export interface WriterParts {
  readonly session: DatabaseSession
  /** Tells this session of the sink from others. */
  readonly owner: string
  readonly codec: TableCodec
  readonly how: WriteMode
  /** Null where none is kept. */
  readonly ledger: Ledger | null
  readonly formerOwners: FormerOwners
  /** What each connection is told before it writes. */
  readonly settings: string
  /** The INSERT of a batch's failures. */
  readonly failureStatement: ((failures: Batch<unknown>['failures']) => string) | null
}

/** Writes batches into one table: as one message while all goes well, else row by row as far as it must. */
export class BatchWriter {
  private readonly sql: WriteSql

  constructor(private readonly parts: WriterParts) {
    this.sql = new WriteSql(parts.codec, parts.how)
  }

  /** Made anew by each session of the sink: the table may have been altered since. */
  private get prepareStage(): string {
    return `${this.sql.prepareStage} -- ${this.parts.owner}`
  }

  /** See `SinkSession.write`. */
  async write(batch: Batch<unknown>, signal: AbortSignal): Promise<void> {
    const groups = this.groupsOf(batch)
    if (groups.length === 0 && batch.failures.length === 0 && batch.covers.length === 0) return
    await this.parts.session.withConnection(async connection => {
      signal.throwIfAborted()
      const abort = (): void => connection.abort()
      signal.addEventListener('abort', abort, { once: true })
      try {
        await connection.prepare('settings', this.parts.settings)
        if (this.sql.isStaged) await connection.prepare(this.sql.stage, this.prepareStage)
        await this.writeOn(connection, groups, batch)
      } finally {
        signal.removeEventListener('abort', abort)
      }
    })
  }

  private async writeOn(connection: DatabaseConnection, groups: readonly ShapedRows[], batch: Batch<unknown>): Promise<void> {
    const { session, ledger, formerOwners } = this.parts
    const rows = groups.flatMap((group, i) => this.statementsOf(group, i > 0))
    const [failures, covers] = this.closing(batch)
    // After a lost reply the ledger is asked first: else rows that are there would meet their own keys, and go to quarantine although delivered.
    const statements = ledger?.isUncertain(batch.covers) ? [...covers, ...rows, ...failures] : [...rows, ...failures, ...covers]
    try {
      await formerOwners.outwaiting(session, connection, () => sendTogether(connection, statements))
      ledger?.noteCertain(batch.covers)
    } catch (error) {
      await this.explain(connection, error, batch.covers)
      if (groups.length === 0 || !isOfRecord(error)) throw error
      await this.writeWithoutRefused(connection, groups, batch, error as MillraceError)
    }
  }

  /** Throws what the ledger says of a failed write, if it was the ledger's doing. */
  private async explain(connection: DatabaseConnection, error: unknown, covers: readonly Cover[]): Promise<void> {
    const { ledger } = this.parts
    if (ledger === null) return
    if (isOutcomeUnknown(error)) ledger.noteUncertain(covers)
    const explained = await ledger.explain(connection, error, covers)
    if (explained !== null) throw explained
  }

  /** Failures of the same scope, and covers, each as the statements that go with the rows. */
  private closing({ failures, covers }: Batch<unknown>): readonly [Statement[], Statement[]] {
    const { ledger, failureStatement } = this.parts
    return [
      failures.length === 0 || failureStatement === null ? [] : [{ sql: failureStatement(failures) }],
      ledger === null ? [] : ledger.statements(covers).map(sql => ({ sql })),
    ]
  }

  private groupsOf({ records }: Batch<unknown>): readonly ShapedRows[] {
    if (records.length === 0) return []
    const { codec, how } = this.parts
    const rows = records.map(record => record.value)
    const groups = codec.shapesOf(rows)
    if (groups.length === 1 || how.mode === 'append') return groups
    // Groups are written one after the other, so the last row of a key must be found over all of them.
    const last = new Map<string, number>()
    for (const [i, row] of rows.entries()) last.set(codec.conflictKey(row) ?? `\0${i}`, i)
    const kept = [...last.values()].sort((a, b) => a - b)
    return codec.shapesOf(kept.map(i => rows[i])).map(group => ({
      ...group,
      indexes: group.indexes === null ? kept : group.indexes.map(i => kept[i]!),
    }))
  }

  private statementsOf(group: ShapedRows, isNext: boolean): Statement[] {
    const { sql } = this
    const count = group.rows.length
    if (!sql.isStaged) return [this.copyStatement(group, 0, count)]
    const empty = isNext ? [{ sql: sql.emptyStage }] : []
    return [...empty, this.stageStatement(group, 0, count), { sql: sql.apply(group.shape) }]
  }

  private copyStatement({ shape, rows }: ShapedRows, from: number, to: number): Statement {
    return { sql: this.sql.copy(shape), copy: shape.copyText(sliced(rows, from, to)) }
  }

  private stageStatement({ shape, rows }: ShapedRows, from: number, to: number): Statement {
    return { sql: this.sql.copyToStage(shape), copy: shape.copyText(sliced(rows, from, to), from) }
  }

  /**
   * Writes the batch again in steps that can be undone, to find the rows that the server refuses. Without a ledger the others stay; with one all is
   * rolled back, for the failures have to be written in the same transaction.
   */
  private async writeWithoutRefused(
    connection: DatabaseConnection,
    groups: readonly ShapedRows[],
    batch: Batch<unknown>,
    first: MillraceError,
  ): Promise<never | void> {
    const namesDuplicates = !this.sql.isStaged && this.parts.codec.key.length > 0 && refusalOf(first)!.sqlstate === UNIQUE_VIOLATION
    if (namesDuplicates) await connection.prepare(this.sql.stage, this.prepareStage)
    const refused = new Map<number, MillraceError>()
    const [failures, covers] = this.closing(batch)
    try {
      // What is deferred would show only at COMMIT, and of no row.
      await connection.message('begin; set constraints all immediate')
      // First, whatever the outcome of earlier writes: a row that only meets itself was delivered, and does not belong into quarantine.
      await sendOneByOne(connection, covers)
      for (const [i, group] of groups.entries()) {
        const known = groups.length === 1 ? first : null
        const found =
          this.sql.isStaged || namesDuplicates
            ? await this.stageGroup(connection, group, { known, duplicate: namesDuplicates ? first : null, isNext: i > 0 })
            : await findRefused(
                group.rows.length,
                troubleOf(known, 0),
                this.attempts(connection, (from, to) => this.copyStatement(group, from, to)),
              )
        for (const [row, error] of found) refused.set(group.indexes?.[row] ?? row, error)
      }
      if (refused.size > 0 && this.parts.ledger !== null) throw new BatchError(refused)
      await sendOneByOne(connection, failures)
      await connection.message('commit')
    } catch (error) {
      // A connection that cannot roll back is thrown away.
      await connection.message('rollback').catch(() => {})
      await this.explain(connection, error, batch.covers)
      throw error
    }
    if (refused.size > 0) throw new BatchError(refused)
    this.parts.ledger?.noteCertain(batch.covers)
  }

  /** Two searches: what cannot be read as the columns' types shows in COPY, with its line; what breaks a constraint when it is applied. */
  private async stageGroup(
    connection: DatabaseConnection,
    group: ShapedRows,
    {
      known,
      duplicate,
      isNext,
    }: { readonly known: MillraceError | null; readonly duplicate: MillraceError | null; readonly isNext: boolean },
  ): Promise<Map<number, MillraceError>> {
    const { length } = group.rows
    if (isNext) await connection.message(this.sql.emptyStage)
    const inCopy = known !== null && duplicate === null && refusalOf(known)!.line !== undefined
    const staging = this.attempts(connection, (from, to) => this.stageStatement(group, from, to))
    const unread = await findRefused(length, inCopy ? troubleOf(known, 0) : null, staging)
    const applied = new Map<number, MillraceError>()
    const applying =
      duplicate === null
        ? this.attempts(connection, (from, to) => ({ sql: this.sql.apply(group.shape, { from, to }) }))
        : this.attempts(
            connection,
            (from, to) => ({ sql: this.sql.insertNamingDuplicates(group.shape, { from, to }) }),
            row => applied.set(row, duplicateError(duplicate)),
          )
    const isKnownToFail = known !== null && duplicate === null && !inCopy && refusalOf(known)!.sqlstate !== CARDINALITY_VIOLATION
    const broken = await findRefused(length, isKnownToFail ? { error: known, row: null } : null, applying)
    return new Map([...unread, ...applied, ...broken])
  }

  /** Tries within a savepoint. `onRow` gets the first column of each row that the statement gives. */
  private attempts(connection: DatabaseConnection, statement: (from: number, to: number) => Statement, onRow?: (value: number) => void) {
    return async (from: number, to: number): Promise<Trouble | null> => {
      const tried = statement(from, to)
      const text = `savepoint millrace; ${sqlFor(connection, tried)}; release savepoint millrace`
      try {
        const results = await connection.message(text, tried.copy === undefined ? [] : [tried.copy])
        if (onRow !== undefined) for (const result of results) for (const [value] of result.rows) onRow(Number(value))
        return null
      } catch (error) {
        if (!isOfRecord(error)) throw error
        await connection.message('rollback to savepoint millrace; release savepoint millrace')
        return troubleOf(error as MillraceError, from)
      }
    }
  }
}

function isOfRecord(error: unknown): boolean {
  const refusal = refusalOf(error)
  return refusal !== undefined && faultOf(refusal.sqlstate) === 'record'
}

function troubleOf(error: MillraceError, from: number): Trouble
function troubleOf(error: MillraceError | null, from: number): Trouble | null
function troubleOf(error: MillraceError | null, from: number): Trouble | null {
  if (error === null) return null
  const line = refusalOf(error)?.line
  return { error, row: line === undefined ? null : from + line - 1 }
}

/** An error of each duplicate's own: details of the first one's values are left out. */
function duplicateError(first: MillraceError): MillraceError {
  return new MillraceError('MILL_DATABASE_REFUSED', first.details as MillraceError<'MILL_DATABASE_REFUSED'>['details'])
}

const sliced = (rows: readonly unknown[], from: number, to: number): readonly unknown[] =>
  from === 0 && to === rows.length ? rows : rows.slice(from, to)
