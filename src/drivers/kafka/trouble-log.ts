import type { Logger } from '../../core/log.js'

/** After this time the same is said again: it was not one trouble, but one that lasts. */
const SAID_FOR_MS = 60_000
const MAX_SAID = 100

/**
 * Says what a client calls an error, once: it mostly cures itself, while each request of a rebalance and each attempt to connect would say it anew. The
 * repeats go to `debug`.
 */
export class TroubleLog {
  private readonly said = new Map<string, number>()

  constructor(private readonly log: Logger) {}

  tell(message: string, fields: Readonly<Record<string, unknown>>): void {
    const what = `${message}: ${fields['error'] ?? ''}`
    const now = Date.now()
    const at = this.said.get(what)
    if (at !== undefined && now - at < SAID_FOR_MS)
      return this.log.debug('kafkajs had the same trouble again', { reason: message, ...fields })
    // Texts with numbers in them would pile up.
    if (this.said.size >= MAX_SAID) this.said.clear()
    this.said.set(what, now)
    this.log.info('kafkajs had trouble', { reason: message, ...fields })
  }

  /** It is over: what comes now is another one. */
  calm(): void {
    this.said.clear()
  }
}
