import { createReadStream } from 'node:fs'
import { resolve } from 'node:path'
import { createInterface } from 'node:readline'
import { MillraceError } from '../../core/errors.js'
import type { QuarantinedRecord } from '../../core/quarantine.js'
import { counted } from '../bar.js'
import type { Frame } from '../frame.js'
import { importLine } from './entry-ndjson.js'
import { type Place, placesOf } from './selection.js'

/** Taken in at a time: entries, and bytes of them. */
const MAX_ENTRIES = 500
const MAX_BYTES = 8 * 1024 * 1024

/** `quarantine import`: each entry into the quarantine of its pipeline. */
export async function importEntries(frame: Frame, path: string | undefined, { pipeline }: { readonly pipeline?: string }): Promise<void> {
  const config = await frame.loadConfig(pipeline === undefined ? {} : { only: [pipeline] })
  const places = new Map((await placesOf(config, pipeline)).map(place => [place.pipeline.name, place]))
  for (const { quarantine } of places.values())
    if (quarantine.restore === undefined) throw new MillraceError('MILL_RESTORE_UNSUPPORTED', { quarantine: quarantine.name })
  const from = path === undefined || path === '-' ? 'stdin' : path
  const input = from === 'stdin' ? frame.stdin : createReadStream(resolve(frame.cwd, from))
  const lines = createInterface({ input, crlfDelay: Number.POSITIVE_INFINITY })
  // readline does not pass the stream's error on to who iterates over it.
  const failed = new Promise<never>((_, reject) => input.once('error', reject))
  failed.catch(() => {})
  try {
    const count = await Promise.race([takeIn(lines, from, places, pipeline), failed])
    frame.print(`imported ${count === 1 ? 'one entry' : `${counted(count)} entries`}\n`)
  } finally {
    lines.close()
  }
}

async function takeIn(
  lines: AsyncIterable<string>,
  from: string,
  places: ReadonlyMap<string, Place>,
  only: string | undefined,
): Promise<number> {
  let waiting: { readonly place: Place; readonly record: QuarantinedRecord }[] = []
  let bytes = 0
  let count = 0
  let number = 0
  const flush = async (): Promise<void> => {
    for (const place of new Set(waiting.map(each => each.place))) {
      const records = waiting.filter(each => each.place === place).map(({ record }) => record)
      await place.quarantine.restore!(records)
      count += records.length
    }
    waiting = []
    bytes = 0
  }
  for await (const line of lines) {
    number++
    if (line.trim() === '') continue
    const record = await read(line, from, number).catch(async error => {
      // What stood before it counts, so that the rest can be given again.
      await flush()
      throw error
    })
    if (only !== undefined && record.pipeline !== only) continue
    const place = places.get(record.pipeline)
    if (place === undefined) {
      await flush()
      const reason = `the config has no pipeline ${record.pipeline} with a quarantine`
      throw new MillraceError('MILL_ENTRY_INVALID', { from, line: number, reason })
    }
    waiting.push({ place, record })
    bytes += record.raw.byteLength
    if (waiting.length >= MAX_ENTRIES || bytes >= MAX_BYTES) await flush()
  }
  await flush()
  return count
}

async function read(line: string, from: string, number: number): Promise<QuarantinedRecord> {
  try {
    return importLine(line)
  } catch (cause) {
    throw new MillraceError('MILL_ENTRY_INVALID', { from, line: number, reason: (cause as Error).message }, { cause })
  }
}
