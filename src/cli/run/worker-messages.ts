import type { Logger } from '../../core/log.js'
import type { WrittenBatch } from '../../runtime/observer.js'
import type { ActorSnapshot } from '../../runtime/supervisor-actor.js'

/** What the parent tells a worker. */
export type ToWorker =
  | {
      readonly type: 'start'
      /** The config's file. */
      readonly file: string
      readonly names: readonly string[]
      readonly drain: boolean
      /** Whether batches and retries are to be told, for metrics. */
      readonly isObserved: boolean
    }
  | { readonly type: 'stop' }
  | { readonly type: 'abort'; readonly reason: string }

/** What a worker tells its parent. */
export type FromWorker =
  | { readonly type: 'snapshot'; readonly actors: readonly ActorSnapshot[] }
  | { readonly type: 'log'; readonly level: keyof Logger; readonly message: string; readonly fields: object }
  | { readonly type: 'wrote'; readonly pipeline: string; readonly batch: WrittenBatch }
  | { readonly type: 'retried'; readonly pipeline: string; readonly reason: { readonly name: string; readonly code?: string } }
  /** Its last word: it ends by itself. */
  | { readonly type: 'finished'; readonly actors: readonly ActorSnapshot[] }
