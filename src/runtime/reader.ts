import type { Subscriber } from 'rxjs'
import { exponentialBackoff } from '../core/backoff.js'
import { delay } from '../core/clock.js'
import { Envelope } from '../core/envelope.js'
import { MillraceError } from '../core/errors.js'
import { GivenStream } from '../core/given-stream.js'
import type { Origin } from '../core/position.js'
import { Arrival, type Receiver, Root } from '../core/receipt.js'
import { isRetryable } from '../core/retryable.js'
import type { SinkSession } from '../core/sink.js'
import type { Incoming, Source, SourceContext, SourceSession } from '../core/source.js'
import type { SourceFacts } from '../core/source-facts.js'
import { Committer } from './committer.js'
import type { FlowControl } from './flow-control.js'
import { Partitions } from './partitions.js'
import type { Tracker } from './tracker.js'
import type { Window } from './window.js'

/** What a reader asks of the run. */
export interface ReaderHost {
  readonly pipeline: string
  readonly flow: FlowControl
  /** Aborted when nothing more is to be read: stop, abort or failure. */
  readonly reading: AbortSignal
  readonly ledger: boolean
  /** The source is a quarantine: see `RunPlan.isReplay`. */
  readonly isReplay: boolean
  readonly maxRecordBytes: number
  /** Records of one read at most, so that one read does not hold the event loop for long. */
  readonly maxReadRecords: number
  /** How partitions are taken over in the sink's ledger; undefined where it keeps none. */
  takeOver(): NonNullable<SinkSession<unknown>['takeOver']> | undefined
  pushed(): void
  /** The reader waits, for its source or for room. */
  becameQuiet(): void
  changed(): void
  /** A drain begins: what is held anywhere is to be written now, and until it ends nothing waits for a timer. */
  drain(): void
  drained(): void
  fail(error: unknown): void
}

type Session = SourceSession<unknown, unknown>

/** Reads one source into the steps, as far as its share of the window allows, and keeps the books of its partitions. */
export class Reader {
  readonly partitions: Partitions
  readonly stream: GivenStream<unknown>
  /** Waits for the source, or for room in the window. */
  isQuiet = false
  isBlocked = false
  isDone = false
  committer!: Committer
  receiver!: Receiver
  private session!: Session
  private isClosed = false
  private readonly subscribers: Subscriber<Envelope<unknown>>[] = []

  constructor(
    readonly name: string,
    private readonly source: Source<unknown>,
    readonly window: Window,
    private readonly host: ReaderHost,
  ) {
    this.partitions = new Partitions(name, source.commits, {
      flow: host.flow,
      isReplay: host.isReplay,
      takeOver: () => host.takeOver(),
      committer: () => this.committer,
      changed: () => host.changed(),
      drain: () => host.drain(),
      drained: () => host.drained(),
    })
    this.stream = new GivenStream(subscriber => {
      this.subscribers.push(subscriber)
      return () => {
        this.subscribers.splice(this.subscribers.indexOf(subscriber), 1)
      }
    })
  }

  async open(log: SourceContext['log']): Promise<void> {
    const { host, partitions } = this
    this.session = (await this.source.open({
      log,
      pipeline: host.pipeline,
      source: this.name,
      ledger: host.ledger,
      maxRecordBytes: host.maxRecordBytes,
      assigned: (partition, identity) => partitions.assigned(partition, identity),
      advanced: (partition, next) => partitions.advanced(partition, next),
      draining: (given, signal) => partitions.draining(given, signal),
      revoked: given => partitions.revoke(given),
    })) as Session
    const { clock, signal } = host.flow
    this.committer = new Committer(
      this.session,
      { clock, signal, onWait: error => host.flow.waits(error), onResume: () => host.flow.resumed() },
      cause => host.fail(this.failed('commit', cause)),
      () => partitions.resolveDrains(),
      () => this.host.changed(),
    )
    // A run that was killed between its last write and its commit left the source behind the ledger: it is told at once.
    for (const tracker of partitions.trackers.values()) this.committer.mark(tracker)
  }

  /** Reads until the source is exhausted or reading ends; then the stream completes. Never rejects. */
  async read(): Promise<void> {
    const { host, window } = this
    try {
      while (!host.reading.aborted) {
        if (window.isFull) await this.untilRoom()
        if (host.reading.aborted) break
        const batch = await this.readOnce()
        if (batch === null) break
        await this.push(batch)
      }
    } catch (error) {
      if (!host.reading.aborted) host.fail(error)
    }
    host.flow.isPushing = false
    this.isDone = true
    this.isQuiet = true
    for (const subscriber of [...this.subscribers]) subscriber.complete()
    host.becameQuiet()
  }

  /** A record of this reader is settled. */
  settled(root: Root): void {
    const tracker = root.tracker as Tracker
    const { failures, isHeld } = root.details
    tracker.settled(root.incoming, root.outcome, failures)
    if (!isHeld) this.window.remove(root)
    if (!tracker.isRevoked) this.committer.mark(tracker)
  }

  /** A write under this epoch was refused: another owner has the partition, if it is one of this reader. */
  fenced(source: string, fenced: string, epoch: bigint): void {
    const partition = this.partitions.ownedAs(source, fenced, epoch)
    // Given back and taken over anew while the write was under way: then it was this reader that fenced it.
    if (partition === undefined) return
    this.partitions.revoke([partition])
    if (this.session.fenced === undefined) this.host.fail(new MillraceError('MILL_PARTITION_FENCED', { source: this.name, partition }))
    else this.session.fenced(partition)
  }

  /** Where the record came from that is being pushed through the steps: named when a plain operator throws. */
  get current(): Origin | null {
    const { batch, at } = this.stream.given as { readonly batch: readonly Incoming<unknown>[]; readonly at: number }
    const incoming = batch[at]
    if (incoming === undefined) return null
    return incoming.origin ?? { source: this.name, partition: incoming.partition ?? '0', position: incoming.position, part: '' }
  }

  get facts(): SourceFacts | undefined {
    return this.session?.facts?.()
  }

  get lag(): ReadonlyMap<string, number> {
    return this.session?.lag?.() ?? new Map()
  }

  get isOpen(): boolean {
    return this.session !== undefined
  }

  async close(): Promise<void> {
    if (this.isClosed) return
    this.isClosed = true
    await this.session?.close?.()
  }

  private async untilRoom(): Promise<void> {
    this.isBlocked = true
    this.becomeQuiet()
    await orAborted(this.window.room() ?? Promise.resolve(), this.host.reading)
    this.isBlocked = false
    this.isQuiet = false
  }

  private async readOnce(): Promise<readonly Incoming<unknown>[] | null> {
    const { host, window } = this
    for (let backoff = exponentialBackoff(); ; backoff = backoff.next()) {
      const limit = {
        records: Math.max(1, Math.min(window.maxParts - window.parts, host.maxReadRecords)),
        bytes: Math.max(1, window.maxBytes - window.bytes),
      }
      // A source that answers within this turn of the event loop has more: its records may fill the batch. Only after that is it quiet.
      const turn = setImmediate(() => this.becomeQuiet())
      try {
        const batch = await orAborted(this.session.read(limit, host.reading), host.reading)
        return batch === undefined ? null : batch
      } catch (error) {
        if (host.reading.aborted) return null
        if (!isRetryable(error)) throw this.failed('read', error)
        host.flow.waits(error)
        await delay(host.flow.clock, backoff.delayMs, host.reading).catch(() => {})
        host.flow.resumed()
        if (host.reading.aborted) return null
      } finally {
        clearImmediate(turn)
        this.isQuiet = false
      }
    }
  }

  private becomeQuiet(): void {
    this.isQuiet = true
    this.host.becameQuiet()
  }

  private async push(batch: readonly Incoming<unknown>[]): Promise<void> {
    const { host, window, partitions } = this
    const now = host.flow.clock.now()
    let pushed = 0
    let tracker: Tracker | undefined
    partitions.beginRead()
    const given = { batch, at: -1 }
    this.stream.given = given
    // By index: within an async function each step of an iterator is an object.
    for (let i = 0; i < batch.length; i++) {
      const incoming = batch[i]!
      const partition = incoming.partition ?? '0'
      if (partitions.isGivenUp(partition)) continue
      if (tracker === undefined || tracker.partition !== partition || tracker.isRevoked) tracker = partitions.trackers.get(partition)
      if (tracker === undefined) {
        host.flow.isPushing = false
        tracker = await partitions.takeOver(partition)
        if (host.flow.signal.aborted) return
        if (tracker.isRevoked) continue
      }
      host.flow.isPushing = true
      if (!tracker.open(incoming)) continue
      if (tracker.arrival?.receivedAt !== now) tracker.arrival = new Arrival(this.receiver, tracker, this.name, partition, now)
      const root = new Root(tracker.arrival, incoming, incoming.bytes ?? sizeOf(incoming.value))
      window.add(root)
      host.pushed()
      pushed++
      given.at = i
      this.give(root)
      given.at = -1
      if (host.flow.isAborted) break
    }
    host.flow.isPushing = false
    // Whoever has seen it may keep it, but not its records.
    given.batch = []
    host.changed()
    // All were delivered before: give the event loop a turn, or a long covered stretch would hold it.
    if (pushed === 0) await new Promise(resolve => setImmediate(resolve))
  }

  private give(root: Root): void {
    const { incoming, bytes } = root
    if (incoming.fault !== undefined) return this.receiver.failed(root, incoming.fault, 'read')
    const { maxRecordBytes, fail } = this.host
    if (bytes > maxRecordBytes) {
      return this.receiver.failed(root, new MillraceError('MILL_RECORD_TOO_LARGE', { bytes: `${bytes}`, maxRecordBytes }), 'read')
    }
    const { subscribers } = this
    if (subscribers.length === 0) return fail.call(this.host, new MillraceError('MILL_STEPS_ENDED', { pipeline: this.host.pipeline }))
    const record = Envelope.of(incoming.value, root)
    for (let i = 0; i < subscribers.length; i++) subscribers[i]!.next(record)
  }

  private failed(doing: string, cause: unknown): unknown {
    return cause instanceof MillraceError ? cause : new MillraceError('MILL_SOURCE_FAILED', { source: this.name, doing }, { cause })
  }
}

function sizeOf(value: unknown): number {
  if (value instanceof Uint8Array) return value.byteLength
  return typeof value === 'string' ? value.length : 0
}

/** The promise's value, or undefined as soon as the signal is aborted; a late rejection is swallowed. */
function orAborted<T>(promise: Promise<T>, signal: AbortSignal): Promise<T | undefined> {
  return new Promise((resolve, reject) => {
    if (signal.aborted) {
      promise.catch(() => {})
      return resolve(undefined)
    }
    const onAbort = () => resolve(undefined)
    signal.addEventListener('abort', onAbort, { once: true })
    promise.then(
      value => {
        signal.removeEventListener('abort', onAbort)
        resolve(value)
      },
      error => {
        signal.removeEventListener('abort', onAbort)
        reject(error)
      },
    )
  })
}
