/** The command was not written as it must be: a name that is not there, two options that do not go together. Ends with status 2, nothing done. */
export class UsageError extends Error {
  override readonly name = 'UsageError'
}
