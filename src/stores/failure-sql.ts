import { type ErrorReport, reasonOf } from '../core/error-report.js'
import type { Failure, QuarantinedRecord } from '../core/quarantine.js'
import { bytesLiteral, literal } from '../drivers/postgres/literals.js'
import { lastOfEach, lastRecordOfEach } from './entry-identity.js'
import { entryToJson } from './entry-json.js'
import { quarantineEntry } from './quarantine-entry.js'
import { QUARANTINE_TABLE } from './quarantine-table.js'

const COLUMNS = [
  'pipeline', 'source', 'partition', 'position', 'part', 'stage', 'code', 'sqlstate', 'message',
  'raw', 'raw_bytes', 'raw_sha256', 'key', 'recorded', 'at', 'version', 'entry',
] // biome-ignore format: a list of names

/** A replay has only the beginning of a record that was too large to keep: what the first entry knew of the whole goes on. */
const merged = (column: string): string =>
  column === 'raw_sha256' ? 'raw_sha256 = coalesce(excluded.raw_sha256, q.raw_sha256)' : `${column} = excluded.${column}`

/**
 * One INSERT of these failures, as text. Of the same identity the last one stays, under a new id: the id names this failure, and a ledger that has
 * covered the former id must not take the next replay for done.
 */
export function insertFailures(failures: readonly Failure[], pipeline: string): string {
  const last = [...lastOfEach(pipeline, failures)]
  // The server's clock, since processes on several machines may write here; entries are found by milliseconds.
  const now = `date_trunc('milliseconds', now())`
  return insert(last.map(([identity, failure]) => ({ identity, now, entry: quarantineEntry(failure, { id: '', pipeline, at: 0 }) })))
}

/** As {@link insertFailures}, of entries that have been in quarantine before: they keep their moment and their version. */
export function insertEntries(records: readonly QuarantinedRecord[]): string {
  const last = [...lastRecordOfEach(records)]
  return insert(last.map(([identity, entry]) => ({ identity, now: `to_timestamp(${entry.at / 1000})`, entry })))
}

interface NewRow {
  readonly identity: string
  /** When it was quarantined, in SQL. */
  readonly now: string
  readonly entry: QuarantinedRecord
}

function insert(last: readonly NewRow[]): string {
  const raws = sharedRaws(last.map(({ entry }) => entry))
  const rows = last.map(row => rowOf(row, raws))
  const shared = [...raws].map(([raw, name]) => `${name} (raw) as materialized (select ${bytesLiteral(raw)})`)
  return `${shared.length > 0 ? `with ${shared.join(',\n')}\n` : ''}insert into ${QUARANTINE_TABLE} as q (identity, ${COLUMNS.join(', ')}) values
${rows.join(',\n')}
on conflict (identity) do update set id = excluded.id, ${COLUMNS.map(merged).join(', ')}`
}

/** Smaller bytes are repeated. */
const MIN_SHARED_BYTES = 1024

/** The bytes that several failures have in common, being children of one record, each with the name under which the statement has them once. */
function sharedRaws(failures: Iterable<Failure>): ReadonlyMap<Uint8Array, string> {
  const seen = new Set<Uint8Array>()
  const shared = new Map<Uint8Array, string>()
  for (const { raw } of failures) {
    if (raw.byteLength < MIN_SHARED_BYTES || shared.has(raw)) continue
    if (seen.has(raw)) shared.set(raw, `raw_${shared.size}`)
    else seen.add(raw)
  }
  return shared
}

function rowOf({ identity, now, entry }: NewRow, shared: ReadonlyMap<Uint8Array, string>): string {
  const { pipeline, rawSha256, origin, stage, error, raw, rawBytes, key, timestamp, version } = entry
  const sharedAs = shared.get(raw)
  const values = [
    literal(identity),
    textLiteral(pipeline),
    textLiteral(origin.source),
    textLiteral(origin.partition),
    textLiteral(`${origin.position}`),
    textLiteral(origin.part),
    textLiteral(stage),
    textLiteral(reasonOf(error)),
    textLiteral(sqlstateOf(error)),
    textLiteral(error.message),
    sharedAs === undefined ? bytesLiteral(raw) : `(select raw from ${sharedAs})`,
    `${rawBytes}`,
    textLiteral(rawSha256),
    key === null ? 'null' : bytesLiteral(key),
    `to_timestamp(${timestamp / 1000})`,
    now,
    textLiteral(version),
    literal(JSON.stringify(entryToJson(entry))),
  ]
  return `(${values.join(', ')})`
}

/** A text as a column can hold it, and as it is looked for: without NUL and lone surrogates, which stand in `entry` alone. */
export function cleanText(text: string): string {
  return text.toWellFormed().replaceAll('\0', '\ufffd')
}

const textLiteral = (text: string | undefined): string => (text === undefined ? 'null' : literal(cleanText(text)))

/** Its own, or that of the first cause that has one. */
function sqlstateOf(error: ErrorReport): string | undefined {
  for (let at: ErrorReport | undefined = error; at !== undefined; at = at.cause) if (at.sqlstate !== undefined) return at.sqlstate
  return undefined
}
