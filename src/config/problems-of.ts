import { errorText } from '../core/error-report.js'
import { isMillraceError } from '../core/errors.js'
import { ConfigError, type Problem } from './config-error.js'
import { joined } from './config-path.js'

/**
 * The problems that an error tells of, for those who make parts of options: its own, or the option that a part refused, or the error itself.
 *
 * @param path - Where the options of that part stand, relative to what the caller makes.
 * @param expected - What is wanted there, for errors that do not say it.
 */
export function problemsOf(error: unknown, path: string, expected: string): Problem[] {
  if (error instanceof ConfigError) return error.problems.map(problem => ({ ...problem, path: joined(path, problem.path) }))
  if (isMillraceError(error, 'MILL_OPTION_INVALID')) {
    const { option, expected: wanted, given } = error.details
    return [{ path: joined(path, option), expected: wanted, given }]
  }
  if (isMillraceError(error, 'MILL_OPTION_UNKNOWN')) {
    const { option, suggestion, known } = error.details
    const wanted = `a known key (there are: ${known.join(', ')})`
    return [{ path: joined(path, option), expected: wanted, given: 'one that is not', ...(suggestion !== undefined && { suggestion }) }]
  }
  return [{ path, expected, given: errorText(error) }]
}
