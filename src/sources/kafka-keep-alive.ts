import type { Clock } from '../core/clock.js'
import type { SourceContext } from '../core/source.js'
import type { BatchControl, GroupOptions } from '../drivers/kafka/driver.js'
import type { CommitCadence } from './kafka-commits.js'
import type { Awaited } from './kafka-partition.js'

/** What waiting asks of the membership. */
export interface KeepAliveHost {
  readonly clock: Clock
  readonly context: SourceContext
  readonly group: GroupOptions
  readonly commits: CommitCadence
  /** The names of the partitions that are ours. */
  readonly owned: () => readonly string[]
  /** Lets go of all that waits: the group rebalances. */
  readonly letGo: () => void
  /** Aborted with the membership. */
  readonly ending: AbortSignal
}

/** Waits with a batch in hand without falling out of the group, and gives way when the group rebalances. */
export class KeepAlive {
  /** The group rebalances: nothing more is given until it is known what stays. */
  isGivingWay = false
  private givenWay: Promise<void> | null = null

  constructor(private readonly host: KeepAliveHost) {}

  /** Resolves when it is over, when the group rebalances by another's word, or the client wants the batch back. Throws what a heartbeat throws. */
  async until(awaited: Awaited, control: BatchControl): Promise<void> {
    const { clock, group } = this.host
    while (!awaited.isOver && !this.isGivingWay && control.isLive()) {
      if (await endOrPause(awaited, clock, group.heartbeatIntervalMs)) continue
      try {
        await control.heartbeat()
      } catch (error) {
        await this.giveWay()
        throw error
      }
    }
  }

  /** A rebalance is under way, and the group waits for us: what is in flight is written and committed, as far as that goes quickly. */
  private giveWay(): Promise<void> {
    this.givenWay ??= this.drain().finally(() => {
      this.givenWay = null
    })
    return this.givenWay
  }

  private async drain(): Promise<void> {
    const { clock, context, commits, group, ending, owned, letGo } = this.host
    this.isGivingWay = true
    letGo()
    if (ending.aborted) return
    const bound = new AbortController()
    const cancel = clock.after(Math.min(MAX_DRAIN_MS, group.rebalanceTimeoutMs / 4), () => bound.abort())
    const onEnd = () => bound.abort()
    ending.addEventListener('abort', onEnd, { once: true })
    context.log.info('draining before a rebalance', { owned: owned() })
    const calm = commits.hurry()
    try {
      await context.draining(owned(), bound.signal)
      await commits.flush()
    } catch (error) {
      context.log.debug('a commit was refused; it is computed anew', { error: String(error) })
    } finally {
      calm()
      cancel()
      ending.removeEventListener('abort', onEnd)
    }
  }
}

/** Whether the end came before `ms` were over. */
function endOrPause(awaited: Awaited, clock: Clock, ms: number): Promise<boolean> {
  return new Promise(resolve => {
    const cancel = clock.after(ms, () => {
      awaited.onEnd(null)
      resolve(false)
    })
    awaited.onEnd(() => {
      cancel()
      awaited.onEnd(null)
      resolve(true)
    })
  })
}

/** Longer would keep the whole group waiting; what is not written by then comes again at the new owner. */
const MAX_DRAIN_MS = 5_000
