import { type Backoff, exponentialBackoff } from '../core/backoff.js'
import { type Clock, delay } from '../core/clock.js'
import type { Logger } from '../core/log.js'
import { isRetryable } from '../core/retryable.js'
import type { KafkaDriver } from '../drivers/kafka/driver.js'
import { Membership, type MembershipHost } from './kafka-membership.js'

/** What joining asks of the session. */
export interface RenewalHost {
  readonly clock: Clock
  readonly log: Logger
  /** Aborted when the session closes. */
  readonly closing: AbortSignal
  /** Why there is no member at the moment. */
  away(error: unknown): void
  /** A member is to be left: what is settled is to be committed before, where there is still somebody to take it. */
  leaving(): void
  /** The run is to end. */
  fail(error: unknown): void
}

/** One membership after the other: joins, and joins anew with growing pauses. */
export class Renewal {
  current: Membership | null = null
  private running: Promise<void> | null = null
  private backoff: Backoff = exponentialBackoff()
  private joinedAt = 0
  private hasProgress = false

  constructor(
    private readonly driver: KafkaDriver,
    private readonly host: RenewalHost,
    private readonly forMembers: MembershipHost,
  ) {}

  get isRunning(): boolean {
    return this.running !== null
  }

  async join(): Promise<void> {
    this.current = new Membership(this.forMembers)
    await this.current.join(this.driver)
    this.joinedAt = this.host.clock.now()
    this.hasProgress = false
  }

  /** Something that the present member read was committed. */
  progressed(): void {
    this.hasProgress = true
  }

  /** Ends the membership and begins another. What was read and is not settled comes again. */
  renew(reason: string, error: Error | null): void {
    const { host } = this
    if (this.running !== null || host.closing.aborted) return
    host.log.warn('joining the group anew', { reason, error: error === null ? null : String(error) })
    if (error !== null) host.away(error)
    // Joining alone proves nothing: what crashes at its first fetch would be tried again every 100 ms.
    if (this.hasProgress || host.clock.now() - this.joinedAt >= HEALTHY_MS) this.backoff = exponentialBackoff()
    host.leaving()
    const old = this.current
    old?.end()
    this.running = this.rejoin(old)
      .catch(failed => host.fail(failed))
      .finally(() => {
        this.running = null
      })
  }

  /** Leaves for good. What was begun to join is left, too: the session is closing. */
  async end(): Promise<void> {
    const { current } = this
    current?.end()
    await this.running
    await current?.leave()
  }

  private async rejoin(old: Membership | null): Promise<void> {
    const { clock, closing, log } = this.host
    await old?.leave()
    while (!closing.aborted) {
      const { delayMs } = this.backoff
      this.backoff = this.backoff.next()
      await delay(clock, delayMs, closing).catch(() => {})
      if (closing.aborted) return
      try {
        return await this.join()
      } catch (error) {
        const failed = this.current
        failed?.end()
        await failed?.leave()
        if (!isRetryable(error)) throw error
        log.warn('joining the group failed; trying again', { error: String(error) })
        this.host.away(error)
      }
    }
  }
}

/** A member that lived for so long was well: the next crash is another matter. */
const HEALTHY_MS = 30_000
