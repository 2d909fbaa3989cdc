import { reasonOf } from '../core/error-report.js'
import { originText } from '../core/position.js'
import type { QuarantineEntry } from '../core/quarantine.js'
import type { FetchedMessage, OutgoingMessage } from '../drivers/kafka/driver.js'
import { type EntryJson, entryFromJson, entryToJson } from './entry-json.js'

/** The header that holds the whole entry but its bytes, as JSON: by it an entry is told from what others have written into the topic. */
const ENTRY = 'millrace-entry'
const SHA256 = 'millrace-raw-sha256'

interface StoredEntry extends EntryJson {
  readonly at: number
}

/**
 * The message of an entry: its key the id, its value the bytes. The record's own key and headers are within `millrace-entry`, not beside it: headers of
 * a message lose their order by some clients, and their names may be ours. The other headers repeat, for people and tools, what is mostly asked for.
 */
export function messageOfEntry(topic: string, partition: number, entry: QuarantineEntry): OutgoingMessage {
  const { id, raw, rawSha256, at, pipeline, stage, error, origin } = entry
  const stored: StoredEntry = { ...entryToJson(entry), at }
  const headers: [string, Uint8Array][] = [
    [ENTRY, Buffer.from(JSON.stringify(stored))],
    ['millrace-pipeline', Buffer.from(pipeline)],
    ['millrace-stage', Buffer.from(stage)],
    ['millrace-code', Buffer.from(reasonOf(error))],
    ['millrace-error', Buffer.from(error.message.slice(0, 500))],
    ['millrace-origin', Buffer.from(originText(origin).slice(0, 500))],
    ['millrace-at', Buffer.from(new Date(at).toISOString())],
  ]
  if (rawSha256 !== undefined) headers.push([SHA256, Buffer.from(rawSha256)])
  return { topic, partition, key: Buffer.from(id), value: raw, headers }
}

/** The message that takes an entry out, and of which a compacted topic keeps nothing. */
export function messageOfRelease(topic: string, partition: number, id: string): OutgoingMessage {
  return { topic, partition, key: Buffer.from(id), value: null, headers: [] }
}

/** Whether the message holds an entry. */
export function holdsEntry({ value, headers }: FetchedMessage): boolean {
  return value !== null && headers.some(([name]) => name === ENTRY)
}

/** What is known of a record of which only the beginning was kept. */
export function sha256Of({ headers }: FetchedMessage): string | undefined {
  const found = headers.find(([name]) => name === SHA256)
  return found === undefined ? undefined : Buffer.from(found[1]).toString()
}

/** The entry again. */
export function entryOfMessage(id: string, message: FetchedMessage): QuarantineEntry {
  const [, json] = message.headers.find(([name]) => name === ENTRY)!
  const { at, ...stored } = JSON.parse(Buffer.from(json).toString()) as StoredEntry
  const rawSha256 = sha256Of(message)
  return entryFromJson(stored, { id, raw: message.value!, at, ...(rawSha256 !== undefined && { rawSha256 }) })
}
