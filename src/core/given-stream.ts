import { Observable } from 'rxjs'
import type { Envelope } from './envelope.js'

/** What was read at once, and which of it is in the steps now. There is a new one for each read. */
export interface Given {
  readonly batch: readonly { readonly value: unknown }[]
  readonly at: number
}

/**
 * The records of a source in a run, one by one.
 *
 * What stands right behind it may look at what comes next in the same turn. Anything between them, be it a `tap`, gives an ordinary observable, so
 * nobody can have touched what is looked at.
 */
export class GivenStream<T> extends Observable<Envelope<T>> {
  /** Of the record that is being given. */
  given: Given = { batch: [], at: -1 }
}
