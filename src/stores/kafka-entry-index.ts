import type { FetchedMessage } from '../drivers/kafka/driver.js'
import { identityOf, isEntryName } from './entry-names.js'
import { holdsEntry, sha256Of } from './kafka-entry.js'

/** Where an entry stands in the topic. */
export interface EntryPlace {
  readonly id: string
  readonly offset: number
  /** Where only the beginning of the record was kept. */
  readonly sha256: string | undefined
  /** The entry itself, while there is room for all. */
  readonly message: FetchedMessage | undefined
}

/** What of the messages of a quarantine topic is an entry now: given them in order, from the first. */
export class KafkaEntryIndex {
  private readonly places = new Map<string, EntryPlace[]>()
  private keptBytes = 0
  /** No entry was left out for want of room: those of {@link current} have their messages. */
  private isKeeping = true

  /** @param keepBytes - Up to so many bytes the entries themselves are kept, those that are released or replaced not counted. */
  constructor(private readonly keepBytes = 0) {}

  get hasAll(): boolean {
    return this.isKeeping
  }

  get size(): number {
    return this.places.size
  }

  clear(): void {
    this.places.clear()
  }

  add(message: FetchedMessage): void {
    const id = message.key === null ? '' : Buffer.from(message.key).toString()
    if (!isEntryName(id)) return
    const identity = identityOf(id)
    if (message.value === null) this.release(identity, id)
    else if (holdsEntry(message)) this.put({ id, offset: message.offset, sha256: sha256Of(message), message: this.kept(message) })
  }

  /** An entry that was written behind what was read. */
  note(id: string, sha256: string | undefined): void {
    this.isKeeping = false
    this.put({ id, offset: Number.MAX_SAFE_INTEGER, sha256, message: undefined })
  }

  /** What an id replaced goes with it, in case nobody released that; what replaced the id stays. */
  release(identity: string, id: string): void {
    const places = this.places.get(identity)
    if (places === undefined) return
    const at = places.findIndex(place => place.id === id)
    const left = at < 0 ? places.filter(place => place.id > id) : places.slice(at + 1)
    for (const place of places) if (!left.includes(place)) this.forget(place)
    if (left.length > 0) this.places.set(identity, left)
    else this.places.delete(identity)
  }

  /** By identity the entry: the last. */
  current(): Map<string, EntryPlace> {
    const current = new Map<string, EntryPlace>()
    for (const [identity, places] of this.places) current.set(identity, places.at(-1)!)
    return current
  }

  /** The entry of that identity, and those that it has replaced and nobody has released: in the order in which they came. */
  of(identity: string): readonly EntryPlace[] {
    return this.places.get(identity) ?? []
  }

  /** The same places, but nothing of what stands there. */
  withoutMessages(): KafkaEntryIndex {
    const bare = new KafkaEntryIndex()
    bare.isKeeping = false
    for (const [identity, places] of this.places) bare.places.set(identity, places.map(bareOf))
    return bare
  }

  private put(place: EntryPlace): void {
    const identity = identityOf(place.id)
    const before: EntryPlace[] = []
    for (const former of this.of(identity)) {
      this.forget(former)
      // A producer whose outcome was not known may have sent it twice.
      if (former.id !== place.id) before.push(bareOf(former))
    }
    this.places.set(identity, [...before, place])
  }

  private kept(message: FetchedMessage): FetchedMessage | undefined {
    if (!this.isKeeping) return undefined
    this.keptBytes += sizeOf(message)
    if (this.keptBytes <= this.keepBytes) return detached(message)
    this.isKeeping = false
    for (const [identity, places] of this.places) this.places.set(identity, places.map(bareOf))
    return undefined
  }

  private forget({ message }: EntryPlace): void {
    if (message !== undefined) this.keptBytes -= sizeOf(message)
  }
}

/** With bytes of its own: those that were fetched are a window on a whole answer, of megabytes. */
function detached(message: FetchedMessage): FetchedMessage {
  const headers = message.headers.map(([name, content]) => [name, Buffer.from(content)] as const)
  return { ...message, value: message.value === null ? null : Buffer.from(message.value), headers }
}

function sizeOf({ value, headers }: FetchedMessage): number {
  let bytes = value?.byteLength ?? 0
  for (const [, content] of headers) bytes += content.byteLength
  return bytes
}

/** The place, without what stands there. */
const bareOf = (place: EntryPlace): EntryPlace => ({ ...place, message: undefined })
