import { systemClock } from '../../core/clock.js'
import type { QuarantineEntry } from '../../core/quarantine.js'
import type { Frame } from '../frame.js'
import { UsageError } from '../usage-error.js'
import { entryLines } from './entry-lines.js'
import { exportLine } from './entry-ndjson.js'
import { entriesAt, exact, placesOf } from './selection.js'

/** How they are shown. */
export interface ShowOptions {
  readonly pipeline?: string
  readonly raw?: true
  readonly json?: true
}

/** `quarantine show`. */
export async function showEntries(frame: Frame, ids: readonly string[], { pipeline, raw, json }: ShowOptions): Promise<void> {
  const config = await frame.loadConfig(pipeline === undefined ? {} : { only: [pipeline] })
  const found: QuarantineEntry[] = []
  for (const place of await placesOf(config, pipeline)) {
    const selection = { filter: {}, text: undefined, limit: Number.POSITIVE_INFINITY, ids }
    for await (const entry of entriesAt(place, selection)) found.push(entry)
  }
  const entries = ids.map(id => oneOf(found, id))
  if (raw) {
    for (const entry of entries) frame.stdout.write(entry.raw)
    return
  }
  const now = systemClock.now()
  const texts = entries.map(entry => (json ? exportLine(entry) : entryLines(entry, now).join('\n')))
  frame.print(frame.hide(`${texts.join(json ? '\n' : '\n\n')}\n`))
}

/** The one entry of that id, or with that beginning. */
export function oneOf(entries: readonly QuarantineEntry[], id: string): QuarantineEntry {
  const [first, ...others] = exact(entries, id)
  if (first === undefined) throw new UsageError(`no entry has the id ${id}: millrace quarantine list shows what there is`)
  if (others.length === 0) return first
  const pipelines = [...new Set([first, ...others].map(({ pipeline }) => pipeline))]
  const way = pipelines.length > 1 ? `of ${pipelines.join(', ')}: name one by --pipeline` : 'begin so: give more of it'
  throw new UsageError(`${others.length + 1} entries ${pipelines.length > 1 ? `have the id ${id}, ` : ''}${way}`)
}
