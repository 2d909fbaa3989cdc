import type { Attempt } from '../core/attempts.js'
import { type Backoff, exponentialBackoff } from '../core/backoff.js'
import type { Envelope } from '../core/envelope.js'
import type { Lane } from './lane.js'

/** In place of a result: the record has failed and nothing goes out. */
export const FAILED = Symbol('failed')

/** A record that is not finished at once. */
export class Job<In> {
  retry: Retry | null = null
  constructor(
    readonly record: Envelope<In>,
    readonly lane: Lane<In> | null,
    public isDone: boolean,
    public result: unknown,
  ) {}
}

/** What only a job that met absent infrastructure carries. */
export class Retry {
  attempt = 1
  backoff: Backoff = exponentialBackoff()
  readonly attempts: Attempt[] = []
  cancel: (() => void) | null = null
}
