import { type Clock, systemClock } from '../core/clock.js'
import { MillraceError } from '../core/errors.js'
import { option, resolveOptions, shown } from '../core/options.js'
import { EnvelopeContext } from '../core/record-context.js'

/** How long `withTimeout` waits. */
export interface TimeoutOptions {
  /** Milliseconds from the call to its result; at least 1. */
  readonly ms: number
  /** Default: the run's where the function is given a record's context, else the machine's. */
  readonly clock?: Clock
}

/**
 * Wraps a function so that a call fails with `MILL_TIMED_OUT` when it takes too long.
 *
 * A record's context among the arguments is handed on with a signal of its own, aborted when the time is over (or the run is): give it to `fetch` and the
 * like, or what is no longer waited for goes on. The error is not `retryable`, since it may be the record that takes so long:
 * `withRetry(withTimeout(fn, { ms: 2_000 }), { maxAttempts: 3 })` tries it again.
 *
 * @throws {MillraceError} `MILL_OPTION_INVALID`, `MILL_OPTION_UNKNOWN` at definition.
 */
export function withTimeout<A extends readonly unknown[], R>(
  fn: (...args: A) => R | Promise<R>,
  options: TimeoutOptions,
): (...args: A) => Promise<R> {
  if (typeof fn !== 'function') {
    throw new MillraceError('MILL_OPTION_INVALID', {
      where: 'withTimeout',
      option: 'its function',
      expected: 'a function',
      given: shown(fn),
    })
  }
  const { ms, clock } = resolveOptions<TimeoutOptions>('withTimeout', options, {
    ms: option.wholeNumber(1),
    clock: option.object('a clock', { optional: true }),
  })
  const what = fn.name || 'the function'
  return (...args) =>
    new Promise<R>((resolve, reject) => {
      const context = args.find(arg => arg instanceof EnvelopeContext)
      const outer = context?.signal
      if (outer?.aborted) return reject(outer.reason)
      const controller = new AbortController()
      const giveUp = (reason: unknown) => {
        release()
        controller.abort(reason)
        reject(reason)
      }
      const onAbort = () => giveUp(outer!.reason)
      const cancel = (clock ?? context?.flow.clock ?? systemClock).after(ms, () =>
        giveUp(new MillraceError('MILL_TIMED_OUT', { what, ms })),
      )
      const release = () => {
        cancel()
        outer?.removeEventListener('abort', onAbort)
      }
      outer?.addEventListener('abort', onAbort)
      call(fn, under(args, controller.signal)).then(
        value => {
          release()
          resolve(value)
        },
        error => {
          release()
          reject(error)
        },
      )
    })
}

/** A throw becomes a rejection, so that there is one way to fail. */
async function call<A extends readonly unknown[], R>(fn: (...args: A) => R | Promise<R>, args: A): Promise<R> {
  return fn(...args)
}

/** The same arguments, the context under another signal. */
function under<A extends readonly unknown[]>(args: A, signal: AbortSignal): A {
  return args.map(arg => (arg instanceof EnvelopeContext ? arg.at(arg.attempt, signal) : arg)) as unknown as A
}
