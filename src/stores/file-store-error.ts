import { MillraceError } from '../core/errors.js'

/** A full disk, a quota, too many open files: waiting may help. Anything else ends the run. */
const passing = new Set(['ENOSPC', 'EDQUOT', 'EMFILE', 'ENFILE', 'EBUSY', 'EAGAIN'])

/** What went wrong with a store that is kept in files, as `MILL_STORE_FAILED`. */
export function fileStoreError(store: string, doing: string, cause: unknown): MillraceError {
  const { code, message } = cause as { code?: unknown; message?: unknown }
  return new MillraceError('MILL_STORE_FAILED', { store, doing, reason: String(message) }, { cause, retryable: passing.has(String(code)) })
}
