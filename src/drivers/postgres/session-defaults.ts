import { MillraceError } from '../../core/errors.js'

/** What every connection is told first, so that values mean the same whatever the server's or the role's settings are. @internal */
export const sessionDefaults = `set timezone = 'UTC'; set datestyle = 'ISO, YMD'; set standard_conforming_strings = on; set client_min_messages = warning`

/** A message ends at its first NUL: what follows, a ledger's check perhaps, would be left out without a word. @internal */
export function mustHoldNoNul(sql: string, database: string): void {
  if (!sql.includes('\0')) return
  const reason = 'a NUL character cannot be sent in SQL'
  throw new MillraceError('MILL_DATABASE_REFUSED', { database, sqlstate: '22021', reason })
}
