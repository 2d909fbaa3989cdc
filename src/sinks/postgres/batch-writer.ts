import type { MillraceError } from '../../core/errors.js'
import { type Batch, BatchError, type Cover } from '../../core/sink.js'
import { isOutcomeUnknown, refusalOf } from '../../drivers/postgres/database-error.js'
import type { DatabaseConnection, DatabaseSession } from '../../drivers/postgres/database-session.js'
import type { PartMemory } from '../../tables/row-shape.js'
import type { ShapedRows, TableCodec } from '../../tables/table-codec.js'
import { CopyMemory } from './copy-memory.js'
import type { FormerOwners } from './former-owners.js'
import type { Ledger } from './ledger.js'
import { isRecordFault, RefusedSearch } from './refused-search.js'
import { type Statement, sendOneByOne, sendTogether } from './statement.js'
import { type WriteMode, WriteSql } from './write-sql.js'

/** Measured on a server and on PGlite, upsert by recordset against staging: 1 row 0.2 to 0.4 of the time, 100 rows 0.4 to 0.8, 300 rows 1. */
const FEW_ROWS = 200
const UNIQUE_VIOLATION = '23505'

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

const NONE: ReadonlyMap<number, unknown> = new Map()

/** Writes batches into one table: as one message while all goes well, else row by row as far as it must. */
export class BatchWriter {
  private readonly sql: WriteSql
  private readonly memory = new CopyMemory()

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
        if (this.sql.isStaged && groups.some(group => group.rows.length > FEW_ROWS))
          await connection.prepare(this.sql.stage, this.prepareStage)
        await this.writeOn(connection, groups, batch)
        await this.parts.ledger?.tidy(connection, batch.covers)
      } finally {
        signal.removeEventListener('abort', abort)
      }
    })
  }

  private async writeOn(connection: DatabaseConnection, groups: readonly ShapedRows[], batch: Batch<unknown>): Promise<void> {
    const { session, ledger, formerOwners } = this.parts
    const lease = this.memory.lease()
    const rows = groups.flatMap(group => this.statementsOf(group, groups.length > 1, lease.take))
    const [failures, covers] = this.closing(batch)
    // After a lost reply the ledger is asked first: else rows that are there would meet their own keys, and go to quarantine although delivered.
    const statements = ledger?.isUncertain(batch.covers) ? [...covers, ...rows, ...failures] : [...rows, ...failures, ...covers]
    try {
      await formerOwners.outwaiting(session, connection, () => sendTogether(connection, statements))
      ledger?.noteCertain(batch.covers)
      lease.end()
    } catch (error) {
      // A retry each few seconds would else leave some MB: what is still on its way belongs to a transaction that the server has given up.
      if (!isOutcomeUnknown(error)) lease.end()
      await this.explain(connection, error, batch.covers)
      if (groups.length === 0 || !isRecordFault(error)) throw error
      const refusal = error as MillraceError
      await formerOwners.outwaiting(session, connection, () => this.writeWithoutRefused(connection, groups, batch, refusal))
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

  private groupsOf({ records }: Batch<unknown>, without: ReadonlyMap<number, unknown> = NONE): readonly ShapedRows[] {
    if (records.length === without.size) return []
    const { codec, how } = this.parts
    const rows = records.map(record => record.value)
    const groups = codec.shapesOf(rows)
    if (groups.length === 1 || how.mode === 'append') return groups
    // Groups are written one after the other, so the last row of a key must be found over all of them.
    const last = new Map<string, number>()
    for (const [i, row] of rows.entries()) {
      if (without.has(i)) continue
      const key = codec.conflictKey(row) ?? `\0${i}`
      const before = last.get(key)
      // An update leaves alone what a row leaves out, so the row gets what the one before it would have set.
      if (how.mode === 'update' && before !== undefined) rows[i] = this.filledFrom(rows[before], row)
      last.set(key, i)
    }
    const kept = [...last.values()].sort((a, b) => a - b)
    return codec.shapesOf(kept.map(i => rows[i])).map(group => ({
      ...group,
      indexes: group.indexes === null ? kept : group.indexes.map(i => kept[i]!),
    }))
  }

  /** The later row, with the earlier one's values in the columns that it leaves to their default. */
  private filledFrom(earlier: unknown, later: unknown): unknown {
    const filled = { ...(later as Record<string, unknown>) }
    for (const [name, { defaultTo }] of this.parts.codec.definition.columns) {
      if (defaultTo !== undefined && filled[name] === undefined) filled[name] = (earlier as Record<string, unknown>)[name]
    }
    return filled
  }

  private statementsOf(group: ShapedRows, isOneOfMany: boolean, memory: PartMemory): Statement[] {
    const { sql } = this
    if (sql.isStaged && group.rows.length <= FEW_ROWS) return [{ sql: sql.applyInline(group.shape, group.rows) }]
    const { shape, rows } = group
    const copy = { [Symbol.iterator]: () => shape.copyParts(rows, sql.isStaged ? 0 : undefined, memory)[Symbol.iterator]() }
    if (!sql.isStaged) return [{ sql: sql.copy(group.shape), copy }]
    const empty = isOneOfMany ? [{ sql: sql.emptyStage }] : []
    return [...empty, { sql: sql.copyToStage(group.shape), copy }, { sql: sql.apply(group.shape) }]
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
  ): Promise<void> {
    const { codec, ledger } = this.parts
    const isDuplicate = !this.sql.isStaged && codec.key.length > 0 && refusalOf(first)!.sqlstate === UNIQUE_VIOLATION
    if (isDuplicate || this.sql.isStaged) await connection.prepare(this.sql.stage, this.prepareStage)
    const search = new RefusedSearch(connection, this.sql, { first, isDuplicate, isTrial: ledger !== null })
    const [failures, covers] = this.closing(batch)
    const isThinned = groups.reduce((sum, { rows }) => sum + rows.length, 0) < batch.records.length
    const refused = new Map<number, MillraceError>()
    try {
      // What is deferred would show only at COMMIT, and of no row.
      await connection.message('begin; set constraints all immediate')
      for (const [row, error] of await search.write(groups)) refused.set(row, error)
      // Only the last row of each key was sent. Where that is refused, the one before it is the last.
      for (let last = 0; isThinned && ledger === null && refused.size > last; ) {
        last = refused.size
        for (const [row, error] of await search.writeAgain(this.groupsOf(batch, refused))) refused.set(row, error)
      }
      if (refused.size > 0 && ledger !== null) {
        // A row that met only itself was delivered by a write whose reply was lost: it does not belong into quarantine.
        await this.throwRefusalOf(ledger, connection, batch.covers)
        throw new BatchError(refused)
      }
      await sendOneByOne(connection, [...failures, ...covers])
      await search.finish()
      await connection.message('commit')
    } catch (error) {
      // A connection that cannot roll back is thrown away.
      await connection.message('rollback').catch(() => {})
      await this.explain(connection, error, batch.covers)
      throw error
    }
    if (refused.size > 0) throw new BatchError(refused)
    ledger?.noteCertain(batch.covers)
  }

  private async throwRefusalOf(ledger: Ledger, connection: DatabaseConnection, covers: readonly Cover[]): Promise<void> {
    const refusal = await ledger.refusal(connection, covers)
    if (refusal !== null) throw refusal
  }
}
