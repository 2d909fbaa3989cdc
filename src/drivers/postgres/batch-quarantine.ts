import type { Failure, Quarantine } from '../../core/quarantine.js'

/**
 * A quarantine whose entries a sink of the same database can write within its own transaction.
 * @internal
 */
export interface BatchQuarantine extends Quarantine {
  /**
   * One INSERT as SQL text, literals included, without a semicolon at its end: it goes into the sink's message. Entries are those that `put` would
   * write. The tables exist once the quarantine was opened.
   */
  readonly [failureStatement]: (failures: readonly Failure[], pipeline: string) => string
}

/** The key of {@link BatchQuarantine}'s statement: a symbol, so that no other quarantine has it by chance. @internal */
export const failureStatement: unique symbol = Symbol('millrace.failureStatement')

/** Whether the quarantine can be written by a sink of this scope. @internal */
export function isBatchQuarantine(quarantine: Quarantine | 'halt', scope: object): quarantine is BatchQuarantine {
  return quarantine !== 'halt' && quarantine.scope === scope && failureStatement in quarantine
}
