import type { FetchedMessage } from '../drivers/kafka/driver.js'
import { identityOf, isEntryName } from './entry-names.js'
import { holdsEntry, sha256Of } from './kafka-entry.js'

/** Where an entry stands in the topic. */
export interface EntryPlace {
  readonly id: string
  readonly offset: number
  /** Where only the beginning of the record was kept. */
  readonly sha256: string | undefined
}

/** What of the messages of a quarantine topic is an entry now: given them in order, from the first. */
export class KafkaEntryIndex {
  private readonly places = new Map<string, EntryPlace[]>()

  add(message: FetchedMessage): void {
    const id = message.key === null ? '' : Buffer.from(message.key).toString()
    if (!isEntryName(id)) return
    const identity = identityOf(id)
    if (message.value === null) this.release(identity, id)
    else if (holdsEntry(message)) {
      // A producer whose outcome was not known may have sent it twice.
      const before = (this.places.get(identity) ?? []).filter(place => place.id !== id)
      this.places.set(identity, [...before, { id, offset: message.offset, sha256: sha256Of(message) }])
    }
  }

  /** What an id replaced goes with it, in case nobody released that; what replaced the id stays. */
  private release(identity: string, id: string): void {
    const places = this.places.get(identity)
    if (places === undefined) return
    const at = places.findIndex(place => place.id === id)
    const left = at < 0 ? places.filter(place => place.id > id) : places.slice(at + 1)
    if (left.length > 0) this.places.set(identity, left)
    else this.places.delete(identity)
  }

  /** By identity the entry: the last. */
  current(): Map<string, EntryPlace> {
    const current = new Map<string, EntryPlace>()
    for (const [identity, places] of this.places) current.set(identity, places.at(-1)!)
    return current
  }

  /** Entries that a later one of their record has replaced, and that nobody released. */
  replaced(): EntryPlace[] {
    return [...this.places.values()].flatMap(places => places.slice(0, -1))
  }
}
