import type { Frame } from '../frame.js'
import type { Running } from './running.js'

/** What came of signals. */
export interface HeededSignals {
  readonly seen: number
  /** The signal that aborted, null while none did. */
  readonly abortedBy: NodeJS.Signals | null
  /** All has ended: what comes now is too late to change anything, and must not cut the summary off. */
  over(): void
}

/** The first signal drains, the second aborts; a further one ends the process as if nobody listened, for a part may hang. */
export function heedSignals(frame: Frame, running: Running): HeededSignals {
  let seen = 0
  let abortedBy: NodeJS.Signals | null = null
  let isOver = false
  const release = frame.onSignal(signal => {
    if (isOver) return release()
    seen++
    if (seen === 1) {
      frame.say(`${signal}: writing what is under way; once more aborts`)
      void running.stop()
    } else if (abortedBy === null) {
      abortedBy = signal
      frame.say(`${signal}: aborted; what is not committed comes again`)
      void running.abort(new Error(`a second ${signal}`))
      release()
    }
  })
  return {
    get seen() {
      return seen
    },
    get abortedBy() {
      return abortedBy
    },
    over() {
      isOver = true
    },
  }
}
