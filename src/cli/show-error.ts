import { errorReport } from '../core/error-report.js'
import type { Frame } from './frame.js'

/** Shows an error: what, its code, and each cause; then where its way out stands. */
export function showError(frame: Frame, error: unknown, who = 'millrace'): void {
  const report = errorReport(error)
  for (let at: typeof report | undefined = report, depth = 0; at; at = at.cause, depth++)
    frame.say(`${depth === 0 ? `${who}: ` : '  because: '}${at.message}${at.code ? ` [${at.code}]` : ''}`)
  if (report.code?.startsWith('MILL_')) frame.say('  what each code means, and what to do: docs/errors.md')
}
