import { createHash } from 'node:crypto'
import type { Failure, QuarantinedRecord } from '../core/quarantine.js'

/**
 * What makes two failures one entry: pipeline, origin and the bytes kept, as 32 hexadecimal digits.
 *
 * A record that comes again before its commit, and fails again, is the same entry. Without the bytes so would be another record at the same place of
 * a file that was replaced, or of a topic made anew, and the first of the two would be lost.
 */
export function entryIdentity(pipeline: string, { origin, raw }: Pick<Failure, 'origin' | 'raw'>): string {
  const { source, partition, position, part } = origin
  const hash = createHash('sha256').update(JSON.stringify([pipeline, source, partition, position, part]))
  return hash.update(raw).digest('hex').slice(0, 32)
}

/** The last failure of each identity, in order: one put may hold a record twice. */
export function lastOfEach(pipeline: string, failures: readonly Failure[]): ReadonlyMap<string, Failure> {
  const last = new Map<string, Failure>()
  for (const failure of failures) {
    const identity = entryIdentity(pipeline, failure)
    last.delete(identity)
    last.set(identity, failure)
  }
  return last
}

/** As {@link lastOfEach}, of entries that have their pipelines with them. */
export function lastRecordOfEach(records: readonly QuarantinedRecord[]): ReadonlyMap<string, QuarantinedRecord> {
  const last = new Map<string, QuarantinedRecord>()
  for (const record of records) {
    const identity = entryIdentity(record.pipeline, record)
    last.delete(identity)
    last.set(identity, record)
  }
  return last
}
