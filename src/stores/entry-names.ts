import { randomBytes } from 'node:crypto'

const syntax = /^\d{15}-\d{6}-[0-9a-f]{8}-[0-9a-f]{32}$/

/** Whether it is a name that {@link nextEntryName} gave. Nothing else reaches the disk, so an id leads nowhere but into the directory. */
export function isEntryName(name: string): boolean {
  return syntax.test(name)
}

/** The identity of the entry of that name. */
export function identityOf(name: string): string {
  return name.slice(-32)
}

const processMark = randomBytes(4).toString('hex')
let lastMs = 0
let count = 0

/**
 * A name for an entry, never given twice. Names sort as the entries came: the moment, a count, something of this process alone, the identity.
 *
 * One sequence for the whole process, since two quarantines may share a directory; of several processes the clocks decide.
 *
 * @param now - Milliseconds since 1970. A clock that goes back does not bring a later entry before an earlier one.
 */
export function nextEntryName(identity: string, now: number): string {
  count++
  if (now > lastMs || count > 999_999) {
    lastMs = Math.max(now, lastMs + 1)
    count = 0
  }
  return `${`${lastMs}`.padStart(15, '0')}-${`${count}`.padStart(6, '0')}-${processMark}-${identity}`
}
