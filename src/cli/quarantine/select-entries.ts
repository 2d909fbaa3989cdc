import { systemClock } from '../../core/clock.js'
import type { QuarantineEntry } from '../../core/quarantine.js'
import type { Frame } from '../frame.js'
import { UsageError } from '../usage-error.js'
import { entriesAt, type Place, placesOf, readSelection, type SelectionOptions } from './selection.js'
import { oneOf } from './show-entries.js'

/** What is kept of an entry that was selected: not its bytes, for there may be very many. */
export type Chosen = Pick<QuarantineEntry, 'id' | 'pipeline' | 'origin'>

/** The entries that a command is about, by place, as they are now: what comes later is not among them. */
export async function selectEntries(
  frame: Frame,
  ids: readonly string[],
  options: SelectionOptions,
): Promise<readonly { readonly place: Place; readonly chosen: readonly Chosen[] }[]> {
  const { limit, ...selection } = readSelection(options, ids, systemClock.now())
  const config = await frame.loadConfig(options.pipeline === undefined ? {} : { only: [options.pipeline] })
  let left = limit
  const found: { place: Place; chosen: Chosen[] }[] = []
  for (const place of await placesOf(config, options.pipeline)) {
    const chosen: Chosen[] = []
    if (left > 0)
      for await (const { id, pipeline, origin } of entriesAt(place, { ...selection, limit: left })) chosen.push({ id, pipeline, origin })
    left -= chosen.length
    if (chosen.length > 0) found.push({ place, chosen })
  }
  if (ids.length === 0) return found
  const all = found.flatMap(({ chosen }) => chosen) as unknown as QuarantineEntry[]
  const wanted = new Set<Chosen>(ids.map(id => oneOf(all, id)))
  return found
    .map(({ place, chosen }) => ({ place, chosen: chosen.filter(each => wanted.has(each)) }))
    .filter(({ chosen }) => chosen.length > 0)
}

/** Without a filter or an id, a command would be about everything: so it has to be said. */
export function mustSelect(ids: readonly string[], options: SelectionOptions, all: boolean): void {
  const { pipeline, stage, code, since, until, text, limit } = options
  if (all || ids.length > 0 || [pipeline, stage, code, since, until, text, limit].some(each => each !== undefined)) return
  throw new UsageError('name entries, or give a filter such as --pipeline')
}
