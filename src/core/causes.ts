import { memberOf } from './member.js'

const MAX_CAUSES = 8

/** What was thrown and its causes, as far as they are objects: a cause may be its own, so eight at most. It never throws. */
export function* causesOf(error: unknown): Iterable<object> {
  for (let at = error, depth = 0; typeof at === 'object' && at !== null && depth < MAX_CAUSES; depth++) {
    yield at
    at = memberOf(at, 'cause')
  }
}
