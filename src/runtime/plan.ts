import type { Observable } from 'rxjs'
import type { Flow } from '../core/flow.js'
import type { Quarantine } from '../core/quarantine.js'
import type { Sink } from '../core/sink.js'
import type { Source } from '../core/source.js'
import type { Limits } from './limits.js'

/** What a run runs: a definition whose types have been checked and are not needed any more. */
export interface RunPlan {
  readonly name: string
  readonly sources: Readonly<Record<string, Source<unknown>>>
  /** Whether `steps` gets the streams by name, or the one stream. */
  readonly isNamed: boolean
  readonly steps: (records: never, flow: Flow) => Observable<unknown>
  readonly sink: Sink<unknown>
  readonly onFailure: Quarantine | 'halt'
  readonly limits: Partial<Limits> | undefined
  /** What the steps do, in words, where the pipeline says so. */
  readonly about?: readonly string[] | undefined
  /** The sources are a quarantine: the ledger knows their records by the entries' ids, under the source `quarantine`. */
  readonly isReplay?: boolean
}

/** Writes under way at a time. A sink that keeps a ledger and writes by lane, or overwrites, has one: its covers must follow its rows. */
export function concurrentWrites({ maxConcurrentWrites = 1, ledger, lane, overwrites }: Sink<unknown>): number {
  return ledger && (lane !== undefined || overwrites) ? 1 : maxConcurrentWrites
}
