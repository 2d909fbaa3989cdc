import type { Clock } from '../core/clock.js'
import { MillraceError } from '../core/errors.js'
import { isRetryable } from '../core/retryable.js'
import type { FlowControl } from './flow-control.js'
import { persist } from './persist.js'

/** Thrown by {@link openWithin} where the run is stopped while a part that is away is waited for. */
export const stoppedAtStart = new Error('stopped while it was being opened')

/**
 * Opens a part, and waits for it while it is away, but only so long: at start somebody is watching, and a wrong address should not wait for ever.
 *
 * Once `stopping` is aborted an attempt that is under way may end; none follows.
 *
 * @throws {MillraceError} `MILL_START_TIMEOUT` with what was waited for as its cause; the part's own error when it is not retryable.
 */
export async function openWithin<T extends { close?: (() => Promise<void>) | undefined }>(
  part: { readonly kind: 'sink' | 'source' | 'quarantine'; readonly name: string },
  open: () => Promise<T>,
  options: { readonly clock: Clock; readonly flow: FlowControl; readonly ms: number; readonly stopping: AbortSignal },
): Promise<T> {
  const { clock, flow, ms, stopping } = options
  if (flow.signal.aborted) throw flow.signal.reason
  const giveUp = new AbortController()
  const onAbort = () => giveUp.abort()
  flow.signal.addEventListener('abort', onAbort, { once: true })
  const noMore = AbortSignal.any([giveUp.signal, stopping])
  let isOver = false
  let waitedFor: unknown
  const cancel = clock.after(ms, () => {
    isOver = true
    giveUp.abort()
  })
  try {
    const opened = persist(open, {
      clock,
      signal: noMore,
      onWait: error => {
        waitedFor = error
        flow.waits(error)
      },
      onResume: () => flow.resumed(),
    })
    return await unlessAborted(opened, giveUp.signal)
  } catch (error) {
    if (flow.signal.aborted) throw flow.signal.reason
    if (stopping.aborted && (waitedFor !== undefined || isRetryable(error))) throw stoppedAtStart
    if (isOver) throw new MillraceError('MILL_START_TIMEOUT', { part: `${part.kind} ${part.name}`, ms }, { cause: waitedFor ?? error })
    if (error instanceof MillraceError) throw error
    if (part.kind === 'source') throw new MillraceError('MILL_SOURCE_FAILED', { source: part.name, doing: 'open' }, { cause: error })
    throw new MillraceError('MILL_SINK_FAILED', { sink: part.name, doing: 'open' }, { cause: error })
  } finally {
    cancel()
    flow.signal.removeEventListener('abort', onAbort)
  }
}

/** What was opened, or a throw as soon as the signal is aborted: what is opened too late is closed again. */
function unlessAborted<T extends { close?: (() => Promise<void>) | undefined }>(opened: Promise<T>, signal: AbortSignal): Promise<T> {
  return new Promise((resolve, reject) => {
    const onAbort = () => {
      reject(signal.reason)
      opened.then(
        session => session.close?.().catch(() => {}),
        () => {},
      )
    }
    signal.addEventListener('abort', onAbort, { once: true })
    opened.then(resolve, reject).finally(() => signal.removeEventListener('abort', onAbort))
  })
}
