import { randomBytes } from 'node:crypto'
import { expect } from 'vitest'
import { type Database, openDatabase } from '../../src/drivers/postgres/database.js'
import {
  decode,
  definePipeline,
  type FileFormat,
  filesSource,
  handle,
  type Limits,
  type MillraceError,
  type Pipeline,
  postgresQuarantine,
  postgresSink,
  type Quarantine,
  type QuarantineEntry,
  type RecordContext,
  type RunSummary,
  replay,
  type Skipped,
  table,
  validate,
} from '../../src/index.js'
import type { DecodeJsonOptions } from '../../src/operators/decode.js'
import { entriesOf } from './failures.js'

/** A row of the job's table. */
export interface Line {
  readonly id: number | bigint
  readonly note?: string | null
}

/** What the job reads, and where it differs from the usual. */
export interface FileJobOptions {
  readonly database: Database
  readonly root: string
  /** Default: all files. */
  readonly paths?: string | readonly string[]
  /** Default `ndjson`. */
  readonly format?: FileFormat
  readonly decode?: DecodeJsonOptions
  /** JSON Schema. Default: `id` is a whole number, `note` a text, null, or left out. */
  readonly schema?: object
  /** Default: id and note. */
  readonly toRow?: (value: never, context: RecordContext) => Line | Skipped | Promise<Line | Skipped>
  readonly concurrency?: number
  readonly limits?: Partial<Limits>
  /** Default: in the sink's database. */
  readonly quarantine?: Quarantine
  /** Of the pipeline. */
  readonly name?: string
  readonly tableName?: string
}

/** How a run ended. */
export interface Ended {
  readonly summary?: RunSummary
  readonly error?: MillraceError
}

/** The main job over files that hold what they should not: files → decode → validate → handle → rows with a ledger, and what fails into quarantine. */
export class FileJob {
  readonly name: string
  readonly tableName: string
  readonly quarantine: Quarantine

  constructor(private readonly options: FileJobOptions) {
    const mark = randomBytes(5).toString('hex')
    this.name = options.name ?? `job ${mark}`
    this.tableName = options.tableName ?? `lines_${mark}`
    this.quarantine = options.quarantine ?? postgresQuarantine(options.database)
  }

  get pipeline(): Pipeline {
    const { database, root, paths = '**', format = 'ndjson', schema = lineSchema, limits, concurrency = 1 } = this.options
    const toRow = (this.options.toRow ?? lineOf) as (value: unknown, context: RecordContext) => Line
    const lines = table(this.tableName, c => ({ id: c.bigint(), note: c.text().nullable() }), { create: true })
    return definePipeline({
      name: this.name,
      source: filesSource({ root, paths, format }),
      steps: records =>
        records.pipe(
          format === 'csv' ? decode('csv') : decode('json', this.options.decode ?? {}),
          validate(schema as { readonly type: 'object' }),
          handle<unknown, Line>(toRow, { concurrency }),
        ),
      sink: postgresSink(database, lines, { mode: 'append', ledger: true }),
      onFailure: this.quarantine,
      ...(limits && { limits }),
    })
  }

  run(): Promise<Ended> {
    return ended(this.pipeline.start().finished)
  }

  replay(pipeline: Pipeline = this.pipeline): Promise<Ended> {
    return ended(replay(pipeline, { from: this.quarantine }).finished)
  }

  /** The ids in the table, in order; one that is there twice comes twice. */
  async ids(): Promise<number[]> {
    return (await this.rows('id::text')).map(([id]) => Number(id))
  }

  async rows(columns = 'id::text, note'): Promise<readonly (readonly (string | null)[])[]> {
    return look(this.options.database, `select ${columns} from "${this.tableName.replaceAll('"', '""')}" t order by t.id`)
  }

  entries(): Promise<QuarantineEntry[]> {
    return entriesOf(this.quarantine, { pipeline: this.name })
  }

  /**
   * A run, a second run and a replay: all of `ids` are there once, after each of them; what failed is in quarantine once, with these bytes and words; a
   * second run finds nothing to do, and a replay nothing that is better now.
   */
  async expectRuns(ids: readonly number[], failed: readonly ExpectedFailure[]): Promise<void> {
    const { summary, error } = await this.run()
    expect(error).toBe(undefined)
    expect(summary).toMatchObject({ delivered: ids.length, quarantined: failed.length })
    await this.expectThere(ids, failed)
    expect((await this.run()).summary).toMatchObject({ delivered: 0, skipped: 0, quarantined: 0 })
    expect((await this.replay()).summary).toMatchObject({ delivered: 0, quarantined: failed.length })
    await this.expectThere(ids, failed)
  }

  async expectThere(ids: readonly number[], failed: readonly ExpectedFailure[]): Promise<void> {
    expect(await this.ids()).toEqual(ids)
    const entries = await this.entries()
    const inOrder = entries.sort((a, b) => a.origin.partition.localeCompare(b.origin.partition) || placeOf(a) - placeOf(b))
    expect(
      inOrder.map(({ origin, stage, error }, i) => {
        return { position: origin.position, stage: failed[i]?.stage && stage, code: error.code ?? error.name }
      }),
    ).toEqual(failed.map(({ position, stage, code }) => ({ position, stage, code })))
    for (const [i, { says, raw, sqlstate }] of failed.entries()) {
      const { error, raw: kept, rawBytes } = inOrder[i]!
      if (typeof says === 'string') expect(error.message).toBe(says)
      else expect(error.message).toMatch(says)
      if (raw !== undefined) {
        expect(Buffer.from(kept).equals(Buffer.from(raw)), `the bytes of ${failed[i]!.position}`).toBe(true)
        expect(rawBytes).toBe(Buffer.from(raw).byteLength)
      }
      expect(error.sqlstate).toBe(sqlstate)
    }
  }
}

/** One entry of the quarantine, by its position; of several files, sorted by their names. */
export interface ExpectedFailure {
  readonly position: number
  /** Left out where a replay fails in another step: what a source could not read whole fails in decode then. */
  readonly stage?: string
  readonly code: string
  readonly says: string | RegExp
  readonly raw?: string | Uint8Array
  readonly sqlstate?: string
}

const placeOf = ({ origin }: QuarantineEntry): number => Number(origin.position)

export const lineSchema = {
  type: 'object',
  properties: { id: { type: 'integer' }, note: { type: ['string', 'null'] } },
  required: ['id'],
}

const lineOf = ({ id, note = null }: Line): Line => ({ id, note })

/** What SQL gives, as text. */
export async function look(database: Database, sql: string): Promise<readonly (readonly (string | null)[])[]> {
  const session = await openDatabase(database)
  try {
    return (await session.message(sql)).at(-1)!.rows
  } finally {
    await session.close()
  }
}

async function ended(finished: Promise<RunSummary>): Promise<Ended> {
  try {
    return { summary: await finished }
  } catch (error) {
    return { error: error as MillraceError }
  }
}
