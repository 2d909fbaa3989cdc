import { MillraceError } from '../core/errors.js'
import { ContentError } from '../formats/content-error.js'

/** What goes away when others let go of something: waiting may help. */
const passing = new Set(['EMFILE', 'ENFILE', 'EAGAIN', 'EBUSY', 'ENOMEM'])

const reasons: Readonly<Record<string, string>> = {
  EACCES: 'there is no permission to read it',
  EPERM: 'there is no permission to read it',
  ELOOP: 'it is a symbolic link, and followLinks is not set',
  EISDIR: 'it is a directory',
  EMFILE: 'this process has too many open files',
  ENFILE: 'this machine has too many open files',
}

/** What went wrong with a file, as an error that names it. Errors of Millrace stay as they are. */
export function fileError(path: string, error: unknown): MillraceError {
  if (error instanceof MillraceError) return error
  if (error instanceof ContentError) {
    return new MillraceError('MILL_FILE_CORRUPT', { path, offset: error.offset, reason: error.reason }, { cause: error })
  }
  const { code, message } = error as { code?: unknown; message?: unknown }
  if (code === 'ENOENT' && path.includes('\ufffd')) {
    const reason = 'it is not there under this name: where that has \ufffd, the name on the disk is not UTF-8'
    return new MillraceError('MILL_FILE_UNREADABLE', { path, reason }, { cause: error })
  }
  if (code === 'ENOENT') {
    return new MillraceError('MILL_FILE_CHANGED', { path, reason: 'it was there when the run began and is not now' }, { cause: error })
  }
  const reason = (typeof code === 'string' && reasons[code]) || String(message)
  return new MillraceError('MILL_FILE_UNREADABLE', { path, reason }, { cause: error, retryable: passing.has(String(code)) })
}
