import { type Backoff, exponentialBackoff } from '../core/backoff.js'
import { type ErrorClass, errorClassOf } from '../core/error-class.js'
import { isMillraceError } from '../core/errors.js'
import { memberOf } from '../core/member.js'
import { option, resolveOptions } from '../core/options.js'

/** When a supervisor starts a pipeline again that has failed. All have defaults. */
export interface RestartPolicy {
  /** The first wait, in ms; each that follows is twice as long. A random half is taken off. Default 1,000. */
  readonly initialMs: number
  /** The longest wait, in ms. Default 60,000. */
  readonly maxMs: number
  /** So many failures at one origin, or in opening before the pipeline has ever run, end it. Default 3. */
  readonly maxAtOrigin: number
  /** So many failures in a row end it, wherever they were. Default null: any number. */
  readonly maxInARow: number | null
  /** A run that has lasted this long, in ms, was healthy: failures before it do not count any more. Default 60,000. */
  readonly healthyMs: number
}

/** What is done about a failure: again after a while, or never, and why not. */
export type Verdict =
  | { readonly again: true; readonly delayMs: number }
  | { readonly again: false; readonly because: ErrorClass | 'one-origin' | 'in-a-row' | 'deliberate' }

/** A run that failed. */
export interface FailedRun {
  readonly error: unknown
  /** How long it was open, in ms; null when it never opened. */
  readonly ranMs: number | null
}

/**
 * A supervisor's policy with the defaults put in.
 *
 * @throws {MillraceError} `MILL_OPTION_INVALID`, `MILL_OPTION_UNKNOWN`.
 */
export function resolveRestartPolicy(given: Partial<RestartPolicy> | undefined): RestartPolicy {
  const initialMs = 1_000
  return resolveOptions<RestartPolicy>('supervise, restart', given ?? {}, {
    initialMs: option.wholeNumber(1, { default: initialMs }),
    maxMs: option.wholeNumber(1, { default: 60_000 }),
    maxAtOrigin: option.wholeNumber(1, { default: 3 }),
    maxInARow: option.matching(
      'null or a whole number from 1 up',
      value => value === null || (Number.isSafeInteger(value) && (value as number) > 0),
      { default: null },
    ),
    healthyMs: option.wholeNumber(0, { default: 60_000 }),
  })
}

/** Counts the failures of one pipeline and says whether it is to be started again. */
export class Restarts {
  private backoff: Backoff
  private inARow = 0
  private hasRun = false
  /** Failures by origin, since the last healthy run. */
  private readonly atOrigin = new Map<string, number>()

  constructor(private readonly policy: RestartPolicy) {
    this.backoff = exponentialBackoff(policy)
  }

  judge({ error, ranMs }: FailedRun): Verdict {
    if (ranMs !== null && ranMs >= this.policy.healthyMs) this.forget()
    const isFirst = !this.hasRun && ranMs === null
    if (ranMs !== null) this.hasRun = true
    if (isMillraceError(error, 'MILL_RUN_ABORTED')) return { again: false, because: 'deliberate' }
    // The budget is there to end a run that only fails: begun again, it would quarantine as many once more.
    if (isMillraceError(error, 'MILL_FAILURE_BUDGET_SPENT')) return { again: false, because: 'failed' }
    const kind = errorClassOf(error)
    if (neverAgain.has(kind) || (isFirst && onlyLater.has(kind))) return { again: false, because: kind }
    const place = isFirst ? OPENING : originOf(error)
    const there = place === undefined ? 0 : (this.atOrigin.get(place) ?? 0) + 1
    if (place !== undefined) this.count(place, there)
    if (there >= this.policy.maxAtOrigin) return { again: false, because: 'one-origin' }
    if (++this.inARow === this.policy.maxInARow) return { again: false, because: 'in-a-row' }
    const { delayMs } = this.backoff
    this.backoff = this.backoff.next()
    return { again: true, delayMs }
  }

  private count(place: string, there: number): void {
    this.atOrigin.set(place, there)
    // Of a pipeline that fails somewhere else each time, the oldest are forgotten.
    if (this.atOrigin.size > MAX_ORIGINS) this.atOrigin.delete(this.atOrigin.keys().next().value!)
  }

  private forget(): void {
    this.backoff = exponentialBackoff(this.policy)
    this.inARow = 0
    this.atOrigin.clear()
  }
}

const neverAgain: ReadonlySet<ErrorClass> = new Set(['config', 'not-allowed', 'fenced'])
/** At the first start somebody is watching, and a wrong address should not wait for ever (law 6); later it may be a restart of the service. */
const onlyLater: ReadonlySet<ErrorClass> = new Set(['unavailable', 'locked'])
/** No origin is of this form. */
const OPENING = ''
const MAX_ORIGINS = 1_000
const MAX_CAUSES = 8

/** The record at which a run failed, as the details of the error, or of one of its causes, name it. */
function originOf(error: unknown): string | undefined {
  for (let at = error, depth = 0; typeof at === 'object' && at !== null && depth < MAX_CAUSES; depth++) {
    const origin = memberOf(memberOf(at, 'details'), 'origin')
    if (typeof origin === 'string' && !noOrigins.has(origin)) return origin
    at = memberOf(at, 'cause')
  }
  return undefined
}

/** What stands in the details where no record was on its way. */
const noOrigins: ReadonlySet<string> = new Set(['none', 'unknown', ''])
