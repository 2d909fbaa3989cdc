import { ask } from '../ask.js'
import { counted } from '../bar.js'
import type { Frame } from '../frame.js'
import { mustSelect, selectEntries } from './select-entries.js'
import type { SelectionOptions } from './selection.js'

/** Given to one release. */
const IDS_AT_ONCE = 1_000

/** `quarantine drop`. */
export async function dropSelected(
  frame: Frame,
  ids: readonly string[],
  options: SelectionOptions & { readonly yes?: true },
): Promise<void> {
  mustSelect(ids, options, false)
  const selected = await selectEntries(frame, ids, options)
  const total = selected.reduce((sum, { chosen }) => sum + chosen.length, 0)
  if (total === 0) {
    frame.say('nothing is in quarantine that fits')
    return
  }
  const whose = selected.map(({ place, chosen }) => `${counted(chosen.length)} of ${place.pipeline.name}`).join(', ')
  const what = total === 1 ? 'one entry' : `${counted(total)} entries`
  if (!options.yes && !(await ask(frame, `Drop ${what} (${whose}) for good?`))) {
    frame.say('nothing was dropped')
    return
  }
  for (const { place, chosen } of selected) {
    const all = chosen.map(({ id }) => id)
    for (let from = 0; from < all.length; from += IDS_AT_ONCE) await place.quarantine.release(all.slice(from, from + IDS_AT_ONCE))
  }
  frame.print(`dropped ${what} (${whose})\n`)
}
