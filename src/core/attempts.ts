/** One try that failed: when (ms since 1970), and with what. */
export interface Attempt {
  readonly at: number
  readonly error: unknown
}

const noted = new WeakMap<object, readonly Attempt[]>()

/** Remembers, beside an error, all tries that led to it, so that quarantine shows them. Errors that are no objects remember nothing. */
export function noteAttempts(error: unknown, attempts: readonly Attempt[]): void {
  if (typeof error === 'object' && error !== null) noted.set(error, attempts)
}

/** The tries behind an error; one, now, where nothing was noted. */
export function attemptsOf(error: unknown, now: number): readonly Attempt[] {
  return (typeof error === 'object' && error !== null && noted.get(error)) || [{ at: now, error }]
}

/** How many tries are remembered: a server that is away for days must not fill the memory. */
const MAX_ATTEMPTS = 100

/** Adds a try; of more than 100 the first and the latest stay. */
export function rememberAttempt(attempts: Attempt[], attempt: Attempt): void {
  if (attempts.length === MAX_ATTEMPTS) attempts.splice(1, 1)
  attempts.push(attempt)
}
