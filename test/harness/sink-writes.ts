import { silentLog } from '../../src/core/log.js'
import type { Quarantine } from '../../src/core/quarantine.js'
import type { Ranges } from '../../src/core/ranges.js'
import { BatchError, type Cover, type Sink, type SinkSession } from '../../src/core/sink.js'
import { testRecords } from '../../src/testing/records.js'

/** An open sink whose batches a test makes from plain rows. Positions count on from 0; with a ledger the partition '0' of source 'test' is its own. */
export class SinkWrites {
  private next = 0

  private constructor(
    readonly sink: Sink<never>,
    readonly session: SinkSession<never>,
    readonly epoch: bigint | null,
    readonly covered: Ranges,
  ) {}

  static async open(sink: Sink<never>, quarantine: Quarantine | 'halt' = 'halt'): Promise<SinkWrites> {
    const session = await sink.open({ pipeline: 'writes', log: silentLog, quarantine })
    try {
      const taken = await session.takeOver?.('test', '0', null)
      return new SinkWrites(sink, session, taken?.epoch ?? null, taken?.covered ?? [])
    } catch (error) {
      await session.close?.()
      throw error
    }
  }

  /** Writes rows at the next positions, or from `from`. */
  async write(rows: readonly unknown[], from = this.next, signal = new AbortController().signal): Promise<void> {
    this.next = Math.max(this.next, from + rows.length)
    const { records } = testRecords(rows, { from })
    await this.session.write({ records: records as never, failures: [], covers: this.coverOf(from, rows.length) }, signal)
  }

  /** What became of the rows: the errors by index, an empty map where all were taken. */
  async refused(rows: readonly unknown[], from?: number): Promise<ReadonlyMap<number, unknown>> {
    try {
      await this.write(rows, from)
      return new Map()
    } catch (error) {
      if (error instanceof BatchError) return error.failed
      throw error
    }
  }

  coverOf(from: number, count: number): Cover[] {
    if (this.epoch === null) return []
    return [{ source: 'test', partition: '0', epoch: this.epoch, positions: [[from, from + count]], gaps: [] }]
  }

  async close(): Promise<void> {
    await this.session.close?.()
  }
}

/** Opens, uses and closes. */
export async function withWrites<T>(sink: unknown, use: (writes: SinkWrites) => Promise<T>, quarantine?: Quarantine | 'halt'): Promise<T> {
  const writes = await SinkWrites.open(sink as Sink<never>, quarantine)
  try {
    return await use(writes)
  } finally {
    await writes.close()
  }
}
