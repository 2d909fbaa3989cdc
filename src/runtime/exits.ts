import { Envelope } from '../core/envelope.js'
import { errorText, reasonOf } from '../core/error-report.js'
import { MillraceError } from '../core/errors.js'
import { failuresOf } from '../core/failure.js'
import { originText } from '../core/position.js'
import type { Failure } from '../core/quarantine.js'
import { close, eachRoot, isWhole, leave, type Outcome, type Part, type Root } from '../core/receipt.js'
import type { Codec } from '../core/source.js'
import type { Departed } from './departed.js'
import type { FailureBudget } from './failure-budget.js'
import type { Quarantining } from './quarantining.js'
import type { Tracker } from './tracker.js'
import { type Writer, weigh } from './writer.js'

/** What the exits ask of the run. */
export interface ExitsHost {
  readonly now: () => number
  /** A part left the steps. */
  left(): void
  /** A record has been given to the writer. */
  arrived(): void
  settled(part: Part, outcome: Outcome, reason: string | null, failures: readonly Failure[]): void
  dropped(part: Part): void
  /** Something may have been the last thing that was waited for. */
  changed(): void
  fail(error: unknown): void
  codecOf(source: string): Codec<never> | undefined
}

/** How the exits lead on. */
export interface ExitsOptions {
  readonly ledger: boolean
  /** `halt`: a failure ends the run. `batch`: failures are written with the rows. Else the quarantine's own writer. */
  readonly failures: 'halt' | 'batch' | Quarantining
  readonly check: ((record: Envelope<unknown>) => unknown) | undefined
  readonly budget: FailureBudget
}

/**
 * The three ways out of the steps: with a row, skipped, failed.
 *
 * Without a ledger each part goes its own way at once. With one, a record's parts wait here until all of them have left the steps, and are
 * then handed to the writer together with their cover: children of a split would else come apart over transactions.
 */
export class Exits {
  /** With a ledger: what has left the steps and waits for the rest of its record. */
  private readonly waiting = new Map<Root, Departed[]>()

  constructor(
    private readonly writer: Writer,
    private readonly options: ExitsOptions,
    private readonly host: ExitsHost,
  ) {}

  /** A record came out of the steps. */
  arrived(record: Envelope<unknown>): void {
    const part = Envelope.partOf(record)
    const { host, options } = this
    if (part.state !== 'open') return host.fail(new MillraceError('MILL_RECORD_EMITTED_TWICE', { origin: originText(part.origin) }))
    const refused = options.check?.(record)
    if (refused !== undefined) return this.failed(part, refused, 'write')
    leave(part)
    host.left()
    if (isOfRevoked(part)) return this.drop(part)
    close(part)
    const { root } = part
    if (!options.ledger) {
      this.writer.add(record, part === root ? root.bytes : weigh(part), null)
    } else if (part === root && isAlone(root) && !this.waiting.has(root)) {
      this.writer.add(record, root.bytes, root)
    } else {
      this.wait({ part, record, failures: NO_FAILURES, inBatch: false, outcome: 'delivered', reason: null })
    }
    host.arrived()
  }

  /** A record is let go without a row. */
  skipped(part: Part, reason: string): void {
    leave(part)
    this.host.left()
    if (isOfRevoked(part)) return this.drop(part)
    this.depart({ part, record: null, failures: NO_FAILURES, inBatch: false, outcome: 'skipped', reason })
  }

  /** A record failed in the steps, or was refused before it joined a batch. */
  failed(part: Part, error: unknown, stage: string): void {
    leave(part)
    this.host.left()
    if (isOfRevoked(part)) return this.drop(part)
    const departed = this.judge(part, error, stage)
    if (departed === null) return
    const { failures } = this.options
    if (typeof failures === 'string') this.depart(departed)
    else failures.put(departed.failures, isDurable => isDurable && this.depart(departed))
  }

  /** The sink refused a record of a batch. Resolves with what stands for it in the batch; null when the run fails. */
  async refused(record: Envelope<unknown>, error: unknown): Promise<Departed | null> {
    const departed = this.judge(Envelope.partOf(record), error, 'write')
    const { failures } = this.options
    if (departed === null || typeof failures === 'string') return departed
    const isDurable = await new Promise<boolean>(resolve => failures.put(departed.failures, resolve))
    return isDurable ? departed : null
  }

  /** Halt, or quarantine as long as the budget lasts. */
  private judge(part: Part, error: unknown, stage: string): Departed | null {
    const { host, options } = this
    const reason = reasonOf(error)
    const origin = originText(part.origin)
    const message = errorText(error)
    if (options.failures === 'halt') {
      host.fail(new MillraceError('MILL_RECORD_FAILED', { origin, stage, reason: message }, { cause: error }))
      return null
    }
    const spent = options.budget.spend(`${origin} in ${stage}: ${message}`)
    if (spent !== undefined) host.fail(spent)
    const failures = failuresOf(part, error, stage, host.now(), source => host.codecOf(source))
    return { part, record: null, failures, inBatch: options.failures === 'batch', outcome: 'quarantined', reason }
  }

  private depart(departed: Departed): void {
    const { part } = departed
    close(part)
    if (this.options.ledger) this.wait(departed)
    else if (departed.inBatch) this.writer.addTogether([departed], [])
    else this.host.settled(part, departed.outcome, departed.reason, departed.failures)
    this.host.changed()
  }

  /** With a ledger: until the record, and all that joins tied to it, is whole. */
  private wait(departed: Departed): void {
    const { root } = departed.part
    // What is expanded over time is written as it comes, because its sink overwrites; the cover follows with the last.
    const now: Departed[] = []
    if (isExpanded(departed.part)) now.push(departed)
    else this.keepWaiting(root, departed)
    if (!isWhole(root)) {
      if (now.length > 0) this.writer.addTogether(now, [])
      return
    }
    const roots = rootsOf(root)
    for (const whole of roots) now.push(...this.takeWaiting(whole))
    this.writer.addTogether(now, roots)
  }

  private drop(part: Part): void {
    close(part)
    this.host.dropped(part)
    // The parts that came before and waited for this one.
    if (isWhole(part.root)) {
      for (const root of rootsOf(part.root)) for (const waiting of this.takeWaiting(root)) this.host.dropped(waiting.part)
    }
    this.host.changed()
  }

  private keepWaiting(root: Root, departed: Departed): void {
    const waiting = this.waiting.get(root)
    if (waiting === undefined) this.waiting.set(root, [departed])
    else waiting.push(departed)
  }

  private takeWaiting(root: Root): readonly Departed[] {
    const waiting = this.waiting.get(root) ?? []
    this.waiting.delete(root)
    return waiting
  }
}

const NO_FAILURES: readonly Failure[] = []

/** Nothing of the record is left in the steps, and no other record is tied to it. */
function isAlone(root: Root): boolean {
  const { tie, expanded } = root.details
  return root.open === 0 && tie === null && !expanded
}

function rootsOf(root: Root): readonly Root[] {
  const { tie } = root.details
  return tie === null ? [root] : [...tie.roots]
}

function isOfRevoked(part: Part): boolean {
  return part.others === null ? (part.root.tracker as Tracker).isRevoked : isAnyOfRevoked(part)
}

// Apart from `isOfRevoked`: see `keepFailuresOfAll` of the engine.
function isAnyOfRevoked(part: Part): boolean {
  let isRevoked = false
  eachRoot(part, root => {
    if (root.tracker.isRevoked) isRevoked = true
  })
  return isRevoked
}

function isExpanded(part: Part): boolean {
  let expanded = false
  eachRoot(part, root => {
    if (root.details.expanded) expanded = true
  })
  return expanded
}
