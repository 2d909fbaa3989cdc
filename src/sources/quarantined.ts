import { MillraceError } from '../core/errors.js'
import { option, resolveOptions } from '../core/options.js'
import type { Quarantine, QuarantineEntry, QuarantineFilter } from '../core/quarantine.js'
import type { Incoming, Settlement, Source, SourceSession } from '../core/source.js'

/**
 * Reads quarantined records, as they were when they were read first: bytes, key, headers, timestamp and origin, so that of a record that was split only
 * the wanted part comes again. It ends with the last entry that was there when it was opened: a record that fails again does not loop.
 *
 * An entry leaves quarantine when its record is settled. One that fails again has by then been put anew, under another id: stores that know the
 * record by its origin and bytes have replaced the entry, so that there is one before and after, also when the run is killed between the two.
 * An entry that keeps only the beginning of its record cannot be replayed: it fails with `MILL_QUARANTINE_PREFIX`. When the quarantine goes away
 * in the middle of its listing, the run fails with `MILL_SOURCE_FAILED`; what it has not settled is still there.
 *
 * @param where - Which entries. Default all of them, of every pipeline.
 * @throws {MillraceError} `MILL_OPTION_INVALID`, `MILL_OPTION_UNKNOWN` for a wrong filter.
 */
export function quarantinedSource(quarantine: Quarantine, where: QuarantineFilter = {}): Source {
  const moment = option.matching('a Date', value => value instanceof Date && !Number.isNaN(value.getTime()), { optional: true })
  const filter = resolveOptions<QuarantineFilter>('quarantinedSource', where, {
    stage: option.text({ optional: true }),
    code: option.text({ optional: true }),
    pipeline: option.text({ optional: true }),
    since: moment,
    until: moment,
  })
  return {
    name: 'quarantine',
    commits: 'single',
    open: ({ pipeline }) => openSession(quarantine, filter, pipeline),
    describe: () => (quarantine.describe?.() ?? [quarantine.name]).map((line, i) => (i === 0 ? `what is in quarantine: ${line}` : line)),
    ...(quarantine.inspect !== undefined && { inspect: quarantine.inspect }),
  }
}

async function openSession(
  quarantine: Quarantine,
  filter: QuarantineFilter,
  pipeline: string,
): Promise<SourceSession<Uint8Array, Settlement>> {
  // Held for as long as the run takes: a listing that has ended would else open its place again for each release.
  const hold = await quarantine.open({ pipeline })
  let entries = quarantine.list(filter)[Symbol.asyncIterator]()
  let hasBegun = false
  const next = async (): Promise<IteratorResult<QuarantineEntry>> => {
    try {
      return await entries.next()
    } catch (cause) {
      // A listing that has thrown is over, and would look as if it had come to its end. Begun anew, it would hold what failed again.
      if (hasBegun) throw new MillraceError('MILL_SOURCE_FAILED', { source: quarantine.name, doing: 'read' }, { cause })
      entries = quarantine.list(filter)[Symbol.asyncIterator]()
      throw cause
    }
  }
  return {
    async read(limit, signal) {
      const records: Incoming<Uint8Array>[] = []
      for (let bytes = 0; records.length < limit.records && bytes < limit.bytes; ) {
        signal.throwIfAborted()
        const { value: entry, done } = await next()
        if (done) break
        hasBegun = true
        records.push(incomingOf(entry, quarantine.name))
        bytes += entry.raw.byteLength
      }
      return records.length > 0 ? records : null
    },
    commit: done => quarantine.release(done.map(({ position }) => `${position}`)),
    async close() {
      await entries.return?.()
      await hold.close?.()
    },
  }
}

function incomingOf(entry: QuarantineEntry, quarantine: string): Incoming<Uint8Array> {
  const { id, raw, rawBytes, key, headers, timestamp, origin } = entry
  // Sources of bytes say Uint8Array, and those of Kafka give null for a tombstone all the same: so does its replay.
  const value = entry.isTombstone ? (null as unknown as Uint8Array) : raw
  const incoming = { value, bytes: raw.byteLength, position: id, key, headers, timestamp, origin }
  if (rawBytes <= raw.byteLength) return incoming
  // What went wrong first stays to be seen, however often this is tried.
  const cause = entry.error.code === 'MILL_QUARANTINE_PREFIX' ? entry.error.cause : entry.error
  const fault = new MillraceError('MILL_QUARANTINE_PREFIX', { quarantine, id, kept: raw.byteLength, bytes: rawBytes }, { cause })
  return { ...incoming, bytes: rawBytes, fault }
}
