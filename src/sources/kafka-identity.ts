import { MillraceError } from '../core/errors.js'
import type { Identity } from '../core/source.js'

const GROUP = 'consumer group '
const TOPIC = ', topic id '

/**
 * Marks a partition in the ledger with its consumer group, and with the id of its topic. Of two groups under one pipeline's name each would take the
 * partition from the other for ever, and each would leave out what the other has covered; of a topic made anew, the ledger would cover other records.
 *
 * @param topicId - Left out where the brokers know none; what was marked without is not told from another topic.
 */
export function topicIdentity(at: { readonly source: string; readonly partition: string }, groupId: string, topicId?: string): Identity {
  return {
    mark: `${GROUP}${groupId}${topicId === undefined ? '' : TOPIC + topicId}`,
    matches: mark => {
      const earlier = parsed(mark)
      return earlier.groupId === groupId && isSame(earlier.topicId, topicId)
    },
    mismatch: mark => {
      const earlier = parsed(mark)
      if (earlier.groupId !== groupId) return new MillraceError('MILL_LEDGER_SHARED', { ...at, groups: `${earlier.groupId}, ${groupId}` })
      const found = `the topic was made anew (its id is ${topicId})`
      return new MillraceError('MILL_LEDGER_AHEAD', { ...at, covered: `positions of the topic whose id was ${earlier.topicId}`, found })
    },
  }
}

const isSame = (earlier: string | undefined, now: string | undefined): boolean =>
  earlier === undefined || now === undefined || earlier === now

function parsed(mark: string): { readonly groupId: string; readonly topicId: string | undefined } {
  const text = mark.startsWith(GROUP) ? mark.slice(GROUP.length) : mark
  // An id has no comma; the name of a group may.
  const at = text.lastIndexOf(TOPIC)
  return at < 0 ? { groupId: text, topicId: undefined } : { groupId: text.slice(0, at), topicId: text.slice(at + TOPIC.length) }
}
