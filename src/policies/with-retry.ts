import { type Attempt, noteAttempts, rememberAttempt } from '../core/attempts.js'
import { type Backoff, exponentialBackoff } from '../core/backoff.js'
import { type Clock, delay, systemClock } from '../core/clock.js'
import { errorText } from '../core/error-report.js'
import { MillraceError } from '../core/errors.js'
import { option, resolveOptions, shown } from '../core/options.js'
import { EnvelopeContext } from '../core/record-context.js'
import { isRetryable } from '../core/retryable.js'

/** How errors of one class are tried again. What is left out is as in the policy itself. */
export interface RetryRule {
  /** A class of errors. The first rule whose class fits is taken. */
  readonly error: abstract new (
    ...args: never[]
  ) => unknown
  readonly maxAttempts?: number
  readonly backoff?: Backoff
}

/** How `withRetry` tries again. */
export interface RetryOptions {
  /** Calls in all, the first included; at least 1. */
  readonly maxAttempts: number
  /** The pauses between them. Default `exponentialBackoff()`: 100 ms, doubled up to 10 s, up to half of it random. Each call begins anew. */
  readonly backoff?: Backoff
  /** Whether an error is worth another try. Default: each is. Not asked about infrastructure. */
  readonly retryIf?: (error: unknown) => boolean
  /** Other bounds and pauses for some classes of errors. */
  readonly on?: readonly RetryRule[]
  /**
   * What infrastructure that is away means: errors with `retryable: true` and Node's network codes. `'wait'` (default): it is not the record's fault,
   * so it is waited for, as long as it takes, and `maxAttempts` does not count it. `'quarantine'`: it counts like any other error, and in the
   * end the record fails with `MILL_ATTEMPTS_SPENT`.
   */
  readonly onAway?: 'wait' | 'quarantine'
  /** Default: the run's where the function is given a record's context, else the machine's. */
  readonly clock?: Clock
}

/**
 * Wraps a function so that it is called again when it fails.
 *
 * A record's context among the arguments is handed on with the next `attempt`, and its signal ends the waiting with the signal's reason. After the
 * last failure its error is thrown; quarantine shows all tries with their times (of more than 100 the first and the latest).
 *
 * @param fn - Called with the arguments of each call. It must bear being called twice.
 * @throws {MillraceError} `MILL_OPTION_INVALID`, `MILL_OPTION_UNKNOWN` at definition.
 */
export function withRetry<A extends readonly unknown[], R>(
  fn: (...args: A) => R | Promise<R>,
  options: RetryOptions,
): (...args: A) => Promise<R> {
  const policy = resolved(fn, options)
  return async (...args) => {
    const context = args.find(arg => arg instanceof EnvelopeContext)
    const tries = new Tries(policy, context)
    try {
      for (let attempt = context?.attempt ?? 1; ; attempt++) {
        try {
          return await fn(...(attempt === context?.attempt ? args : at(args, attempt)))
        } catch (error) {
          await tries.pauseAfter(error)
        }
      }
    } finally {
      tries.end()
    }
  }
}

interface Policy
  extends Required<Pick<RetryOptions, 'maxAttempts' | 'backoff' | 'retryIf' | 'on' | 'onAway'>>,
    Pick<RetryOptions, 'clock'> {
  readonly name: string
}

function resolved(fn: unknown, options: RetryOptions): Policy {
  if (typeof fn !== 'function') throw invalid('its function', 'a function', fn)
  const policy = resolveOptions<Omit<Policy, 'name'>>('withRetry', options, {
    maxAttempts: option.wholeNumber(1),
    backoff: option.matching('a back-off', isBackoff, { default: exponentialBackoff() }),
    retryIf: option.function({ default: () => true }),
    on: option.matching('a list of { error, maxAttempts?, backoff? }', Array.isArray, { default: [] }),
    onAway: option.oneOf(['wait', 'quarantine'], { default: 'wait' }),
    clock: option.object('a clock', { optional: true }),
  })
  for (const rule of policy.on) {
    resolveOptions<RetryRule>('withRetry on', rule, {
      error: option.function(),
      maxAttempts: option.wholeNumber(1, { optional: true }),
      backoff: option.matching('a back-off', isBackoff, { optional: true }),
    })
  }
  return { ...policy, name: fn.name || 'the function' }
}

function isBackoff(value: unknown): boolean {
  return (
    typeof value === 'object' &&
    value !== null &&
    typeof (value as Backoff).delayMs === 'number' &&
    typeof (value as Backoff).next === 'function'
  )
}

function invalid(name: string, expected: string, given: unknown): MillraceError {
  return new MillraceError('MILL_OPTION_INVALID', { where: 'withRetry', option: name, expected, given: shown(given) })
}

/** The same arguments, the context at another attempt. */
function at<A extends readonly unknown[]>(args: A, attempt: number): A {
  return args.map(arg => (arg instanceof EnvelopeContext ? arg.at(attempt) : arg)) as unknown as A
}

/** The failures of one call. */
class Tries {
  private readonly attempts: Attempt[] = []
  /** Failures that count, by the rule that counts them; null are those without a rule. */
  private readonly counts = new Map<RetryRule | null, number>()
  private readonly backoffs = new Map<RetryRule | null, Backoff>()
  private isAway = false

  constructor(
    private readonly policy: Policy,
    private readonly context: EnvelopeContext | undefined,
  ) {}

  /** Waits until it is time for the next try. Throws when there is none. */
  async pauseAfter(error: unknown): Promise<void> {
    const clock = this.policy.clock ?? this.context?.flow.clock ?? systemClock
    this.context?.signal.throwIfAborted()
    rememberAttempt(this.attempts, { at: clock.now(), error })
    const rule = this.policy.on.find(one => error instanceof one.error) ?? null
    const isAway = isRetryable(error)
    if (isAway && this.policy.onAway === 'wait') this.away(error)
    else if (!this.mayTryAgain(error, rule, isAway)) throw this.last(error, isAway)
    await delay(clock, this.nextDelay(rule), this.context?.signal)
  }

  end(): void {
    if (this.isAway) this.context?.flow.resumed()
    this.isAway = false
  }

  private away(error: unknown): void {
    if (!this.isAway) this.context?.flow.waits(error)
    this.isAway = true
  }

  private mayTryAgain(error: unknown, rule: RetryRule | null, isAway: boolean): boolean {
    const count = (this.counts.get(rule) ?? 0) + 1
    this.counts.set(rule, count)
    return count < (rule?.maxAttempts ?? this.policy.maxAttempts) && (isAway || this.policy.retryIf(error))
  }

  private nextDelay(rule: RetryRule | null): number {
    const backoff = this.backoffs.get(rule) ?? rule?.backoff ?? this.policy.backoff
    this.backoffs.set(rule, backoff.next())
    return backoff.delayMs
  }

  /** Still retryable, the error would be waited for by `handle`. */
  private last(error: unknown, isAway: boolean): unknown {
    const last = isAway
      ? new MillraceError(
          'MILL_ATTEMPTS_SPENT',
          { what: this.policy.name, attempts: this.attempts.length, last: errorText(error) },
          { cause: error },
        )
      : error
    noteAttempts(last, this.attempts)
    return last
  }
}
