import { isMillraceError } from '../../core/errors.js'
import type { Ranges } from '../../core/ranges.js'
import { type Cover, CoveredError, FencedError } from '../../core/sink.js'
import { fromColumn, toColumn } from '../../drivers/postgres/any-text.js'
import { refusalOf } from '../../drivers/postgres/database-error.js'
import type { DatabaseConnection, DatabaseSession, Queries } from '../../drivers/postgres/database-session.js'
import type { FormerOwners } from './former-owners.js'
import { coverStatements, idArray, isOfIds, multirange, partitionIs, readMultirange } from './ledger-text.js'

const FORGET_EVERY_WRITES = 1_000
const DIVISION_BY_ZERO = '22012'

// covered: Postgres 14 and later have multiranges. fillfactor: every batch updates the row, and finds room for its new version on the same page.
const tables = `select pg_advisory_xact_lock(6020414271184);
create table if not exists millrace_ledger (pipeline text, source text, partition text, covered int8multirange not null default '{}',
  epoch bigint not null default 1, owner uuid, mark text, primary key (pipeline, source, partition)) with (fillfactor = 50);
create table if not exists millrace_seen (pipeline text, source text, partition text, id text, at timestamptz not null default now(),
  primary key (pipeline, source, partition, id));
create index if not exists millrace_seen_at on millrace_seen (at)`

/**
 * Makes the ledger's tables where they are missing (a role that may not make tables can be given them), and forgets ids of 'single' sources that are
 * older than `keepSeenMs`.
 */
export async function prepareLedger(session: DatabaseSession, keepSeenMs: number): Promise<void> {
  const [found] = (await session.query(`select to_regclass('millrace_ledger') ledger, to_regclass('millrace_seen') seen`)).rows
  if (found?.['ledger'] === null || found?.['seen'] === null) await session.message(tables)
  await forgetSeen(session, keepSeenMs)
}

async function forgetSeen(queries: Queries, keepSeenMs: number): Promise<void> {
  await queries.query(`delete from millrace_seen where at < now() - $1 * interval '1 millisecond'`, [keepSeenMs])
}

/** What the ledger said when a partition was taken over. */
export interface TakenOver {
  readonly epoch: bigint
  readonly covered: Ranges
  readonly mark: string | null
}

/** The covered positions of one pipeline, for one owner. */
export class Ledger {
  /** Covers whose transaction may have been committed although its reply was lost. */
  private uncertain: Cover[] = []
  private writesOfIds = 0

  constructor(
    private readonly pipeline: string,
    private readonly owner: string,
    private readonly formerOwners: FormerOwners,
    private readonly keepSeenMs: number,
  ) {}

  /** Forgets old ids, now and then. What keeps it from that is no reason to fail a write that is durable. */
  async tidy(queries: Queries, covers: readonly Cover[]): Promise<void> {
    if (!covers.some(isOfIds) || ++this.writesOfIds % FORGET_EVERY_WRITES !== 0) return
    await forgetSeen(queries, this.keepSeenMs).catch(() => {})
  }

  /**
   * Becomes the owner of a partition. Waits for a former owner's commit in progress and sees its positions; the mark is replaced while nothing is
   * covered.
   */
  async takeOver(session: DatabaseSession, connection: DatabaseConnection, source: string, partition: string, mark: string | null) {
    const sql = `with former as (select owner from millrace_ledger where pipeline = $1 and source = $2 and partition = $3)
insert into millrace_ledger as l (pipeline, source, partition, owner, mark) values ($1, $2, $3, $4, $5)
on conflict (pipeline, source, partition) do update set epoch = l.epoch + 1, owner = excluded.owner,
  mark = case when l.mark is null or l.covered = '{}' and not exists (select from millrace_seen s where s.pipeline = $1 and s.source = $2 and s.partition = $3)
    then excluded.mark else l.mark end
returning covered::text, epoch::text, mark, (select owner::text from former) former`
    const run = () =>
      connection.query<Record<string, string | null>>(sql, [
        toColumn(this.pipeline),
        toColumn(source),
        toColumn(partition),
        this.owner,
        mark === null ? null : toColumn(mark),
      ])
    const [row] = (await this.formerOwners.outwaiting(session, connection, run)).rows
    if (row!['former'] != null) this.formerOwners.add(row!['former'])
    return {
      epoch: BigInt(row!['epoch']!),
      covered: readMultirange(row!['covered']!),
      mark: row!['mark'] == null ? null : fromColumn(row!['mark']),
    } satisfies TakenOver
  }

  statements(covers: readonly Cover[]): string[] {
    return coverStatements(this.pipeline, covers)
  }

  /** Whether an earlier write of these positions may have been committed: then the ledger is asked before rows meet their own keys. */
  isUncertain(covers: readonly Cover[]): boolean {
    return this.uncertain.length > 0 && covers.some(cover => this.uncertain.some(earlier => overlap(cover, earlier)))
  }

  noteUncertain(covers: readonly Cover[]): void {
    this.uncertain.push(...covers)
  }

  /** The ledger has spoken about these positions. */
  noteCertain(covers: readonly Cover[]): void {
    if (this.uncertain.length > 0) this.uncertain = this.uncertain.filter(earlier => !covers.some(cover => overlap(cover, earlier)))
  }

  /** Why a write was refused: null where the ledger was not at fault. Nothing was written. */
  async explain(queries: Queries, error: unknown, covers: readonly Cover[]): Promise<FencedError | CoveredError | null> {
    if (covers.length === 0 || !isMillraceError(error) || refusalOf(error)?.sqlstate !== DIVISION_BY_ZERO) return null
    return this.refusal(queries, covers)
  }

  /** What the ledger has against these covers, as far as is committed. */
  async refusal(queries: Queries, covers: readonly Cover[]): Promise<FencedError | CoveredError | null> {
    const fenced: Cover[] = []
    const before: Pick<Cover, 'source' | 'partition' | 'positions'>[] = []
    for (const cover of covers) {
      const { epoch, positions } = await this.standing(queries, cover)
      if (epoch !== cover.epoch) fenced.push(cover)
      else if (positions.length > 0) before.push({ source: cover.source, partition: cover.partition, positions })
    }
    if (fenced.length > 0) return new FencedError(fenced.map(({ source, partition }) => ({ source, partition })))
    if (before.length === 0) return null
    this.noteCertain(covers)
    return new CoveredError(before)
  }

  /** Who owns the partition, and which of the positions are covered. */
  private async standing(queries: Queries, cover: Cover): Promise<{ epoch: bigint | null; positions: Ranges | readonly string[] }> {
    const { source, partition } = cover
    const ranges = multirange(isOfIds(cover) ? [] : (cover.positions as Ranges))
    const ledger = await queries.query<{ epoch: string; again: string }>(
      `select epoch::text, (covered * '${ranges}'::int8multirange)::text again from millrace_ledger l where ${partitionIs('l', this.pipeline, source, partition)}`,
    )
    const [row] = ledger.rows
    if (row === undefined) return { epoch: null, positions: [] }
    if (!isOfIds(cover)) return { epoch: BigInt(row.epoch), positions: readMultirange(row.again) }
    const seen = await queries.query<{ id: string }>(
      `select id from millrace_seen s where ${partitionIs('s', this.pipeline, source, partition)} and id = any(${idArray(cover.positions)})`,
    )
    return { epoch: BigInt(row.epoch), positions: seen.rows.map(({ id }) => fromColumn(id)) }
  }
}

function overlap(a: Cover, b: Cover): boolean {
  if (a.source !== b.source || a.partition !== b.partition) return false
  if (isOfIds(a)) return isOfIds(b) && a.positions.some(id => b.positions.includes(id))
  if (isOfIds(b)) return false
  const ranges = b.positions as Ranges
  return (a.positions as Ranges).some(([from, to]) => ranges.some(other => from < other[1] && other[0] < to))
}
