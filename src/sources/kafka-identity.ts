import { MillraceError } from '../core/errors.js'
import type { Identity } from '../core/source.js'

const PREFIX = 'consumer group '

/**
 * Marks a partition in the ledger with its consumer group. Of two groups under one pipeline's name each would take the partition from the other for
 * ever, and each would leave out what the other has covered.
 */
export function groupIdentity(source: string, partition: string, groupId: string): Identity {
  const mark = `${PREFIX}${groupId}`
  return {
    mark,
    matches: earlier => earlier === mark,
    mismatch: earlier => {
      const other = earlier.startsWith(PREFIX) ? earlier.slice(PREFIX.length) : earlier
      return new MillraceError('MILL_LEDGER_SHARED', { source, partition, groups: `${other}, ${groupId}` })
    },
  }
}
