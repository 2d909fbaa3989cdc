import { createHash } from 'node:crypto'
import { identifier, literal } from '../../drivers/postgres/literals.js'
import type { RowShape } from '../../tables/row-shape.js'
import type { TableCodec } from '../../tables/table-codec.js'
import { COPY_SOURCE } from './statement.js'

/** How rows meet those that are there. */
export interface WriteMode {
  readonly mode: 'append' | 'upsert' | 'update'
  readonly onDuplicate: 'ignore' | 'quarantine' | undefined
  /** The columns that an existing row gets. */
  readonly merge: readonly string[]
}

/** Rows of a staging table: `from` up to, not including, `to` by their ordinal. */
export interface OrdinalRange {
  readonly from: number
  readonly to: number
}

/**
 * The SQL of one table and mode.
 *
 * Rows go by COPY into the table itself where nothing can be in their way, else by COPY into a temporary table of the connection, and from there in one
 * statement. Measured with 5,000 rows a batch (docs/performance.md): multi-row VALUES of 1,000 take three times as long.
 */
export class WriteSql {
  /** The temporary table's quoted name. */
  readonly stage: string

  /** The quoted name of the column that numbers the rows there. */
  private readonly ordinal: string

  constructor(
    private readonly codec: TableCodec,
    private readonly how: WriteMode,
  ) {
    let ordinal = 'millrace ordinal'
    while (codec.definition.columns.has(ordinal)) ordinal += '_'
    this.ordinal = identifier(ordinal)
    const names = [codec.sqlName, ...codec.definition.columns.keys()]
    this.stage = identifier(`millrace_stage_${createHash('sha256').update(names.join('\0')).digest('hex').slice(0, 12)}`)
  }

  /** Whether rows go through the staging table. */
  get isStaged(): boolean {
    return this.how.mode !== 'append' || this.how.onDuplicate === 'ignore'
  }

  /** Makes the staging table: types and collations of the table as it is now, none of its constraints; emptied by each commit. */
  get prepareStage(): string {
    const columns = [...this.codec.definition.columns.keys()].map(identifier).join(', ')
    return `drop table if exists pg_temp.${this.stage};
create temporary table ${this.stage} on commit delete rows as select null::integer as ${this.ordinal}, ${columns} from ${this.codec.sqlName} with no data`
  }

  /** For several groups of rows in one transaction. */
  get emptyStage(): string {
    return `delete from pg_temp.${this.stage}`
  }

  /** For the many small ranges of a search. Not for good: it would have to be kept up to date by each batch. */
  get indexStage(): string {
    return `create index if not exists ${this.indexName} on pg_temp.${this.stage} (${this.ordinal})`
  }

  get dropStageIndex(): string {
    return `drop index if exists pg_temp.${this.indexName}`
  }

  private get indexName(): string {
    return `${this.stage.slice(0, -1)}_at"`
  }

  /** COPY into the table. */
  copy({ columnList }: RowShape): string {
    return `copy ${this.codec.sqlName} (${columnList}) from ${COPY_SOURCE}`
  }

  /** COPY into the staging table, each line beginning with its ordinal. */
  copyToStage({ columnList }: RowShape): string {
    return `copy pg_temp.${this.stage} (${this.ordinal}, ${columnList}) from ${COPY_SOURCE}`
  }

  /** As `apply`, of rows that are in the statement itself: saves the staging table, which for few rows takes most of the time. */
  applyInline(shape: RowShape, rows: readonly unknown[]): string {
    const cells = shape.columns.map(identifier).join(', ')
    const record = `rows from (jsonb_to_recordset(${literal(shape.json(rows))}) as (${shape.recordsetType})) with ordinality as r(${cells}, ${this.ordinal})`
    return this.applied(shape, `(select r.${this.ordinal}, ${shape.recordsetSelect} from ${record}) s(${this.ordinal}, ${cells})`)
  }

  /** From the staging table into the table. Of rows with one key the last wins where they overwrite, the first where duplicates are ignored. */
  apply(shape: RowShape, range?: OrdinalRange): string {
    return this.applied(shape, this.rows(range))
  }

  private applied(shape: RowShape, rows: string): string {
    if (this.how.mode === 'update') return this.update(shape, rows)
    const { columnList } = shape
    const insert = `insert into ${this.codec.sqlName} (${columnList})`
    if (this.how.mode === 'append') {
      const conflict = this.how.onDuplicate === 'ignore' ? ' on conflict do nothing' : ''
      return `${insert} select ${columnList} from ${rows} order by ${this.keyThen(shape, this.ordinal)}${conflict}`
    }
    return `${insert} select ${columnList} from (${this.lastOfEach(shape, rows)}) s ${this.onConflict()}`
  }

  /**
   * Inserts what is no duplicate, and gives the ordinals of what is: in the table, or earlier among these rows.
   *
   * ON CONFLICT cannot return what it left out, so those inserted are told by their key.
   */
  insertNamingDuplicates(shape: RowShape, range: OrdinalRange): string {
    const { columnList } = shape
    const key = this.keyList()
    return `with f as materialized (select distinct on (${key}) ${this.ordinal}, ${columnList} from ${this.rows(range)} order by ${key}, ${this.ordinal}),
i as (insert into ${this.codec.sqlName} (${columnList}) select ${columnList} from f order by ${this.ordinal} on conflict do nothing returning ${key})
select ${this.ordinal} from (select ${this.ordinal} from ${this.rows(range)}) s where ${this.ordinal} not in (select f.${this.ordinal} from f join i using (${key})) order by ${this.ordinal}`
  }

  private update(shape: RowShape, rows: string): string {
    const merged = this.how.merge.filter(name => shape.columns.includes(name)).map(identifier)
    if (merged.length === 0) return 'select'
    const sets = merged.map(name => `${name} = s.${name}`).join(', ')
    const same = this.codec.key.map(name => `t.${identifier(name)} = s.${identifier(name)}`).join(' and ')
    return `update ${this.codec.sqlName} t set ${sets} from (${this.lastOfEach(shape, rows)}) s where ${same}`
  }

  /** Sorted by key: batches that lock the same rows then wait for each other in one direction. */
  private lastOfEach(shape: RowShape, rows: string): string {
    // A key that the database makes is never there twice.
    if (!this.hasKey(shape)) return `select * from ${rows} order by ${this.ordinal}`
    return `select distinct on (${this.keyList()}) * from ${rows} order by ${this.keyList()}, ${this.ordinal} desc`
  }

  private onConflict(): string {
    const { merge } = this.how
    if (merge.length === 0) return `on conflict (${this.keyList()}) do nothing`
    return `on conflict (${this.keyList()}) do update set ${merge.map(name => `${identifier(name)} = excluded.${identifier(name)}`).join(', ')}`
  }

  private rows(range: OrdinalRange | undefined): string {
    const from = `pg_temp.${this.stage}`
    return range === undefined ? from : `${from} where ${this.ordinal} >= ${range.from} and ${this.ordinal} < ${range.to}`
  }

  private keyThen(shape: RowShape, last: string): string {
    return this.hasKey(shape) ? `${this.keyList()}, ${last}` : last
  }

  private keyList(): string {
    return this.codec.key.map(identifier).join(', ')
  }

  private hasKey(shape: RowShape): boolean {
    return this.codec.key.length > 0 && this.codec.key.every(name => shape.columns.includes(name))
  }
}
