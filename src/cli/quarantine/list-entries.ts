import { systemClock } from '../../core/clock.js'
import type { QuarantineEntry } from '../../core/quarantine.js'
import type { Frame } from '../frame.js'
import { entrySummary, entryTable } from './entry-table.js'
import { entriesAt, placesOf, readSelection, type SelectionOptions } from './selection.js'

const DEFAULT_LIMIT = 50

/** `quarantine list`. */
export async function listEntries(frame: Frame, options: SelectionOptions & { readonly json?: true }): Promise<void> {
  const { limit, ...selection } = readSelection(options, [], systemClock.now(), DEFAULT_LIMIT)
  const config = await frame.loadConfig(options.pipeline === undefined ? {} : { only: [options.pipeline] })
  const found: QuarantineEntry[] = []
  for (const place of await placesOf(config, options.pipeline)) {
    // One more, to say whether there are more.
    for await (const entry of entriesAt(place, { ...selection, limit: limit - found.length + 1 })) found.push(entry)
    if (found.length > limit) break
  }
  const shown = found.slice(0, limit)
  const width = frame.stdout.isTTY === true ? frame.stdout.columns : undefined
  const lines = options.json ? shown.map(entry => JSON.stringify(entrySummary(entry))) : shown.length > 0 ? entryTable(shown, width) : []
  frame.print(frame.hide(lines.map(line => `${line}\n`).join('')))
  if (shown.length === 0) frame.say('nothing is in quarantine that fits')
  else if (found.length > limit) frame.say(`there are more than these ${limit}: --limit`)
}
