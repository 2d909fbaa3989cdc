import { memberOf } from './member.js'

/** Node's and undici's codes for a peer that is away or went away: the network's fault, never the record's. */
const networkCodes = new Set([
  'ECONNREFUSED', 'ECONNRESET', 'ECONNABORTED', 'EPIPE', 'ETIMEDOUT', 'ENETUNREACH', 'EHOSTUNREACH', 'ENETDOWN', 'EAI_AGAIN', 'ENOTFOUND',
  'UND_ERR_CONNECT_TIMEOUT', 'UND_ERR_SOCKET', 'UND_ERR_HEADERS_TIMEOUT', 'UND_ERR_BODY_TIMEOUT',
]) // biome-ignore format: a list of codes

const MAX_CAUSES = 8

/**
 * Whether waiting may help (law 6: infrastructure is not the record's fault).
 *
 * An error decides for itself by a boolean `retryable`; without one, the network codes of Node and undici count, also in a cause
 * (`fetch` hides them there). It never throws.
 */
export function isRetryable(error: unknown): boolean {
  for (let at: unknown = error, depth = 0; typeof at === 'object' && at !== null && depth < MAX_CAUSES; depth++) {
    const retryable = memberOf(at, 'retryable')
    if (typeof retryable === 'boolean') return retryable
    const code = memberOf(at, 'code')
    if (typeof code === 'string' && networkCodes.has(code)) return true
    at = memberOf(at, 'cause')
  }
  return false
}
