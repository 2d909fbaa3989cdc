import type { LoadedConfig } from '../../config/load-config.js'
import { errorText } from '../../core/error-report.js'
import type { Quarantine, QuarantineEntry, QuarantineFilter } from '../../core/quarantine.js'
import type { Pipeline } from '../../runtime/pipeline.js'
import { planOf } from '../../runtime/start.js'
import { UsageError } from '../usage-error.js'

/** Which entries a command is about, as it was written. */
export interface SelectionOptions {
  readonly pipeline?: string
  readonly stage?: string
  readonly code?: string
  readonly since?: string
  readonly until?: string
  /** Part of the error's text, or of a cause's, in any case. */
  readonly text?: string
  readonly limit?: string
}

/** The same, read. */
export interface Selection {
  readonly filter: Omit<QuarantineFilter, 'pipeline'>
  readonly text: string | undefined
  readonly limit: number
  /** Ids, or beginnings of at least 8 characters of ids that are no numbers. Empty: all. */
  readonly ids: readonly string[]
}

/** A pipeline with its quarantine. */
export interface Place {
  readonly pipeline: Pipeline
  readonly quarantine: Quarantine
}

/** @param now - Milliseconds since 1970, for moments such as `2h`. */
export function readSelection(options: SelectionOptions, ids: readonly string[], now: number, limit = Number.POSITIVE_INFINITY): Selection {
  const { stage, code, since, until, text } = options
  return {
    filter: {
      ...(stage !== undefined && { stage }),
      ...(code !== undefined && { code }),
      ...(since !== undefined && { since: momentOf('--since', since, now) }),
      ...(until !== undefined && { until: momentOf('--until', until, now) }),
    },
    text: text?.toLowerCase(),
    limit: options.limit === undefined ? limit : countOf(options.limit),
    ids,
  }
}

/** The pipelines that are meant, each with its quarantine; of all, those that have one. */
export async function placesOf(config: LoadedConfig, name: string | undefined): Promise<Place[]> {
  const places: Place[] = []
  for (const wanted of name === undefined ? config.names : [name]) {
    const pipeline = await config.pipeline(wanted)
    const { onFailure } = planOf(pipeline)
    if (onFailure !== 'halt') places.push({ pipeline, quarantine: onFailure })
    else if (name !== undefined) throw new UsageError(`pipeline ${name} has no quarantine: its onFailure is 'halt'`)
  }
  if (places.length === 0) throw new UsageError('no pipeline of the config has a quarantine: onFailure is always ‘halt’')
  return places
}

/** What is selected of one place, oldest first. An id that fits no entry is passed over: another place may have it. */
export async function* entriesAt(
  { pipeline, quarantine }: Place,
  { filter, text, limit, ids }: Selection,
): AsyncGenerator<QuarantineEntry> {
  let left = limit
  for await (const entry of quarantine.list({ ...filter, pipeline: pipeline.name })) {
    if (text !== undefined && !says(entry, text)) continue
    if (ids.length > 0 && !ids.some(id => isMeant(entry.id, id))) continue
    if (left-- <= 0) return
    yield entry
  }
}

/** Of several ids that begin as was asked for, the one that is exactly so. */
export function exact<T extends { readonly id: string }>(entries: readonly T[], id: string): readonly T[] {
  const same = entries.filter(entry => entry.id === id)
  return same.length > 0 ? same : entries.filter(entry => isMeant(entry.id, id))
}

/** Long ids may be shortened; numbers may not: 1, which is gone, would be 12. */
function isMeant(id: string, given: string): boolean {
  return id === given || (given.length >= MIN_BEGINNING && id.startsWith(given) && !/^\d+$/.test(id))
}

const MIN_BEGINNING = 8

function says({ error }: QuarantineEntry, text: string): boolean {
  for (let at: QuarantineEntry['error'] | undefined = error; at !== undefined; at = at.cause)
    if (errorText(at).toLowerCase().includes(text)) return true
  return false
}

const units: Readonly<Record<string, number>> = { s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000 }

function momentOf(option: string, given: string, now: number): Date {
  const [, count, unit] = /^(\d+)([smhd])$/.exec(given) ?? []
  const moment = unit === undefined ? new Date(given) : new Date(now - Number(count) * units[unit]!)
  if (!Number.isNaN(moment.getTime())) return moment
  throw new UsageError(`${option} takes a moment like 2026-01-31T12:00Z, or a time ago like 30m, 2h or 7d; got ${given}`)
}

function countOf(given: string): number {
  const count = Number(given)
  if (Number.isSafeInteger(count) && count > 0) return count
  throw new UsageError(`--limit takes a whole number from 1 up; got ${given}`)
}
