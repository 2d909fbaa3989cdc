import { once } from 'node:events'
import { createWriteStream } from 'node:fs'
import { rename, rm } from 'node:fs/promises'
import { resolve } from 'node:path'
import { finished } from 'node:stream/promises'
import { systemClock } from '../../core/clock.js'
import { counted } from '../bar.js'
import type { Frame } from '../frame.js'
import { exportLine } from './entry-ndjson.js'
import { entriesAt, type Place, placesOf, readSelection, type Selection, type SelectionOptions } from './selection.js'

/** `quarantine export`: lines on stdout, or a file that is there whole or not at all. */
export async function exportEntries(frame: Frame, options: SelectionOptions & { readonly output?: string }): Promise<void> {
  const selection = readSelection(options, [], systemClock.now())
  const config = await frame.loadConfig(options.pipeline === undefined ? {} : { only: [options.pipeline] })
  const places = await placesOf(config, options.pipeline)
  const count =
    options.output === undefined ? await write(frame.stdout, places, selection) : await toFile(frame, options.output, places, selection)
  frame.say(
    `exported ${count === 1 ? 'one entry' : `${counted(count)} entries`}${options.output === undefined ? '' : ` to ${options.output}`}`,
  )
}

async function toFile({ cwd }: Frame, output: string, places: readonly Place[], selection: Selection): Promise<number> {
  const path = resolve(cwd, output)
  const draft = `${path}.part`
  // Nobody else may read it: they are records.
  const file = createWriteStream(draft, { mode: 0o600 })
  const closed = finished(file)
  closed.catch(() => {})
  try {
    const count = await write(file, places, selection)
    file.end()
    await closed
    await rename(draft, path)
    return count
  } catch (error) {
    file.destroy()
    await rm(draft, { force: true })
    throw error
  }
}

async function write(out: NodeJS.WritableStream, places: readonly Place[], selection: Selection): Promise<number> {
  let count = 0
  for (const place of places) {
    for await (const entry of entriesAt(place, { ...selection, limit: selection.limit - count })) {
      count++
      if (!out.write(`${exportLine(entry)}\n`)) await once(out, 'drain')
    }
  }
  return count
}
