import type { ActorSnapshot } from '../runtime/supervisor-actor.js'

/** What `/readyz` says of one pipeline. No message of an error is in it, for that may hold values. */
export interface Readiness {
  readonly pipeline: string
  readonly state: ActorSnapshot['state']
  readonly ready: boolean
  readonly waitingFor?: string
  /** ISO 8601. */
  readonly since: string
  readonly restarts: number
  /** The code of what it last failed with. */
  readonly error?: string
}

/** Whether a pipeline does what it is there for: it runs, or it has ended well. */
export function readinessOf({ name, state, waitingFor, since, restarts, error }: ActorSnapshot): Readiness {
  return {
    pipeline: name,
    state,
    ready: state === 'running' || (state === 'stopped' && error === null),
    ...(waitingFor !== null && { waitingFor }),
    since: new Date(since).toISOString(),
    restarts,
    ...(error !== null && { error: error.code ?? error.name }),
  }
}
