import { MillraceError } from '../core/errors.js'
import { isRetryable } from '../core/retryable.js'

/** Runs what a store does. What waiting may cure stays as it is; anything else becomes `MILL_STORE_FAILED`, which names the store. */
export async function guarded<T>(store: string, doing: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work()
  } catch (cause) {
    if (isRetryable(cause)) throw cause
    const reason = cause instanceof Error ? cause.message : String(cause)
    throw new MillraceError('MILL_STORE_FAILED', { store, doing, reason }, { cause })
  }
}
