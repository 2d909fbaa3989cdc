import type { ActorSnapshot } from '../../runtime/supervisor-actor.js'

/** Pipelines that run, here or in workers. */
export interface Running {
  snapshot(): readonly ActorSnapshot[]
  /** Never rejects. */
  readonly finished: Promise<readonly ActorSnapshot[]>
  stop(): Promise<unknown>
  abort(reason?: unknown): Promise<unknown>
  /** Once finished: ends what was beside the pipelines. */
  close(): Promise<void>
}
