import { exponentialBackoff } from '../core/backoff.js'
import { type Clock, delay } from '../core/clock.js'
import { Envelope } from '../core/envelope.js'
import { MillraceError } from '../core/errors.js'
import type { Failure } from '../core/quarantine.js'
import { RangeSet } from '../core/ranges.js'
import { eachRoot, type Outcome, type Part, type Root } from '../core/receipt.js'
import { isRetryable } from '../core/retryable.js'
import { BatchError, type BatchLimits, type Cover, CoveredError, FencedError, type Held, type SinkSession } from '../core/sink.js'
import type { Departed } from './departed.js'
import type { RunObserver, WrittenBatch } from './observer.js'
import { PendingBatch } from './pending-batch.js'
import type { PrefixTracker, Tracker } from './tracker.js'

/** What the writer asks of the run. */
export interface WriterHost {
  readonly clock: Clock
  readonly signal: AbortSignal
  /** The part is durable, as a row or without one. */
  settled(part: Part, outcome: Outcome, reason: string | null, failures: readonly Failure[]): void
  /** Several parts were settled: commit, wake the readers. */
  afterWrite(): void
  /** The part's partition was taken over by another owner. */
  dropped(part: Part): void
  /** The sink refuses this record. Returns what replaces it in the batch once its failure is durable or will be by this batch; null when the run fails. */
  refused(record: Envelope<unknown>, error: unknown): Promise<Departed | null>
  /** A write under this epoch was refused. */
  fenced(source: string, partition: string, epoch: bigint): void
  /** Whether any partition was ever given up. */
  hasRevoked(): boolean
  held(batch: PendingBatch, held: Held): void
  /** The sink holds as much as it may: nothing is written before some of it is settled. */
  isFull(): boolean
  waits(reason: unknown): void
  resumed(): void
  fail(error: unknown): void
  /** Partitions with gaps that no write has covered. */
  trackersWithGaps(): Iterable<PrefixTracker>
}

/** How a sink wants to be written. */
export interface WriterOptions {
  readonly pipeline: string
  readonly sink: string
  readonly limits: BatchLimits
  readonly maxConcurrentWrites: number
  readonly ledger: boolean
  readonly lane: ((record: Envelope<unknown>) => string) | undefined
  /** Told of each batch; undefined where nobody watches. */
  readonly observer: RunObserver | undefined
}

/** Batches that are written in order when `slots` is 1, else side by side. */
interface Bucket {
  open: PendingBatch
  readonly sealed: PendingBatch[]
  writing: number
  readonly slots: number
  /** The open batch goes as soon as there is a slot, full or not. */
  isDue: boolean
}

/**
 * Groups what leaves the steps into batches and hands them to the sink.
 *
 * A batch goes when it is full (records, bytes), when its first record has waited `maxWaitMs`, at once while draining, and at once when the run says
 * that the writer holds all that is unsettled and no write is under way. While all slots are busy the open batch fills up to its bounds.
 *
 * Lanes: without them all slots serve one bucket. With them there is a bucket a slot, records go by the hash of their lane, and a bucket writes one
 * batch at a time, so the order within a lane is kept.
 */
export class Writer {
  /** Parts handed over and not settled. */
  holding = 0
  private readonly buckets: Bucket[]
  /** Somebody waits for what is held: batches go as soon as there is a slot. */
  isPrompt = false
  private isDraining = false
  private readonly underWay = new Set<Promise<void>>()

  constructor(
    private readonly session: SinkSession<unknown>,
    private readonly options: WriterOptions,
    private readonly host: WriterHost,
  ) {
    const { maxConcurrentWrites, lane } = options
    const bucket = (slots: number): Bucket => ({ open: new PendingBatch(), sealed: [], writing: 0, slots, isDue: false })
    this.buckets =
      lane !== undefined && maxConcurrentWrites > 1
        ? Array.from({ length: maxConcurrentWrites }, () => bucket(1))
        : [bucket(maxConcurrentWrites)]
  }

  /** One record with its row, alone: the common case. With a ledger `covered` is its root. */
  add(record: Envelope<unknown>, bytes: number, covered: Root | null): void {
    const bucket = this.buckets.length === 1 ? this.buckets[0]! : this.bucketOf(record)
    if (bucket.open.bytes + bytes > this.options.limits.maxBytes) this.sealFor(bucket)
    const { open } = bucket
    open.records.push(record)
    open.bytes += bytes
    if (covered !== null) open.roots.push(covered)
    this.holding++
    this.grown(bucket)
  }

  /** Parts that must be written together, and the records that they complete. */
  addTogether(departed: readonly Departed[], covered: readonly Root[]): void {
    const bucket = this.buckets[0]!
    const { maxRecords, maxBytes } = this.options.limits
    let rows = 0
    let bytes = 0
    for (const { record, part } of departed) {
      if (record === null) continue
      rows++
      bytes += weigh(part)
    }
    if (rows > 0 && (bucket.open.records.length + rows > maxRecords || bucket.open.bytes + bytes > maxBytes)) this.sealFor(bucket)
    const { open } = bucket
    open.bytes += bytes
    for (const part of departed) {
      if (part.record === null) open.others.push(part)
      else open.records.push(part.record)
    }
    for (const root of covered) open.roots.push(root)
    this.holding += departed.length
    this.grown(bucket)
  }

  /** Writes what there is now, and from now on everything at once. */
  drain(): void {
    this.isDraining = true
    this.flush()
  }

  /** Writes what there is now. */
  flush(): void {
    for (const bucket of this.buckets) {
      if (bucket.open.isEmpty) continue
      bucket.isDue = true
      this.pump(bucket)
    }
  }

  /** The writer holds all that is unsettled: nothing more will come for a while, so batches do not wait for it. */
  flushIdle(): void {
    for (const bucket of this.buckets) {
      if (bucket.writing > 0 || bucket.open.isEmpty) continue
      bucket.isDue = true
      this.pump(bucket)
    }
  }

  /** What was held is settled: goes on where the sink held as much as it may. */
  resume(): void {
    for (const bucket of this.buckets) if (bucket.sealed.length > 0 || bucket.isDue) this.pump(bucket)
  }

  /** Writes the gaps that no batch has covered, at the end of a run with a ledger. */
  coverGaps(): void {
    const bucket = this.buckets[0]!
    bucket.sealed.push(new PendingBatch())
    this.pump(bucket)
  }

  get isIdle(): boolean {
    return this.holding === 0 && this.underWay.size === 0
  }

  /** Resolves when no write is under way; never rejects. */
  async ended(): Promise<void> {
    for (const { open } of this.buckets) open.cancelTimer?.()
    while (this.underWay.size > 0) await Promise.all(this.underWay)
  }

  private bucketOf(record: Envelope<unknown>): Bucket {
    const lane = this.options.lane!(record)
    let hash = 0
    for (let i = 0; i < lane.length; i++) hash = (Math.imul(hash, 31) + lane.charCodeAt(i)) | 0
    return this.buckets[(hash >>> 0) % this.buckets.length]!
  }

  private grown(bucket: Bucket): void {
    const { open } = bucket
    const { maxRecords, maxBytes, maxWaitMs } = this.options.limits
    if (open.records.length >= maxRecords || open.bytes >= maxBytes || open.others.length >= maxRecords * 10) {
      this.seal(bucket)
      this.pump(bucket)
    } else if (this.isDraining || this.isPrompt || maxWaitMs === 0) {
      bucket.isDue = true
      this.pump(bucket)
    } else if (open.cancelTimer === null) this.startTimer(bucket)
  }

  // Apart from `grown`: a function that makes a closure allocates the closure's context at every call, and `grown` is called once a record.
  private startTimer(bucket: Bucket): void {
    bucket.open.cancelTimer = this.host.clock.after(this.options.limits.maxWaitMs, () => {
      bucket.isDue = true
      this.pump(bucket)
    })
  }

  /** What comes next would pass the bounds: the open batch goes without it. */
  private sealFor(bucket: Bucket): void {
    if (bucket.open.records.length === 0) return
    this.seal(bucket)
    this.pump(bucket)
  }

  private seal(bucket: Bucket): void {
    bucket.open.cancelTimer?.()
    bucket.sealed.push(bucket.open)
    bucket.open = new PendingBatch()
    bucket.isDue = false
  }

  private pump(bucket: Bucket): void {
    while (bucket.writing < bucket.slots && !this.host.signal.aborted && !this.host.isFull()) {
      if (bucket.sealed.length === 0 && bucket.isDue && !bucket.open.isEmpty) this.seal(bucket)
      const batch = bucket.sealed.shift()
      if (batch === undefined) return
      bucket.writing++
      const { observer } = this.options
      const written = (observer === undefined ? this.write(batch) : this.watched(batch, observer))
        .catch(error => this.host.fail(error))
        .then(() => {
          bucket.writing--
          this.underWay.delete(written)
          this.pump(bucket)
          this.host.afterWrite()
        })
      this.underWay.add(written)
    }
  }

  /** As `write`, for somebody to see. */
  private async watched(batch: PendingBatch, observer: RunObserver): Promise<void> {
    const { host, options } = this
    const { records, bytes } = batch
    const startedAt = host.clock.now()
    const write = async (): Promise<WrittenBatch> => {
      await this.write(batch).catch(error => host.fail(error))
      const { durable, attempts, isWritten } = batch
      return { records: durable, bytes, seconds: (host.clock.now() - startedAt) / 1_000, attempts, isWritten }
    }
    const { pipeline, sink } = options
    const written = observer.around === undefined ? await write() : await observer.around({ pipeline, sink, records, bytes }, write)
    if (written.attempts > 0) observer.wrote?.(written)
  }

  /** Never rejects: what cannot be written fails the run. */
  private async write(batch: PendingBatch): Promise<void> {
    const { host, options } = this
    for (let backoff = exponentialBackoff(); !host.signal.aborted; ) {
      this.dropRevoked(batch)
      if (host.signal.aborted) return
      const given = batch.toBatch(options.ledger, options.ledger ? host.trackersWithGaps() : [])
      if (batch.isEmpty && given.covers.length === 0) return noteWritten(batch)
      batch.attempts++
      try {
        const held = await this.session.write(given, host.signal)
        if (held) {
          this.holding -= batch.parts
          noteWritten(batch)
          host.held(batch, held)
        } else this.written(batch, given.covers)
        return
      } catch (error) {
        if (host.signal.aborted) return
        if (error instanceof BatchError) {
          if (!(await this.takeOut(batch, error))) return
        } else if (error instanceof FencedError) this.fence(error, given.covers)
        else if (error instanceof CoveredError) this.settleCovered(batch, error)
        else if (isRetryable(error)) {
          await this.wait(error, backoff.delayMs)
          backoff = backoff.next()
        } else return host.fail(this.failed(error))
      }
    }
  }

  private written(batch: PendingBatch, covers: readonly Cover[]): void {
    noteWritten(batch)
    for (const record of batch.records) this.host.settled(Envelope.partOf(record), 'delivered', null, NO_FAILURES)
    for (const { part, outcome, reason, failures } of batch.others) this.host.settled(part, outcome, reason, failures)
    this.holding -= batch.parts
    if (covers.length > 0) this.confirmGaps(covers)
  }

  private confirmGaps(covers: readonly Cover[]): void {
    for (const tracker of this.host.trackersWithGaps()) {
      const cover = covers.find(
        ({ source, partition, epoch }) => source === tracker.source && partition === tracker.partition && epoch === tracker.epoch,
      )
      if (cover !== undefined) tracker.confirmGaps(cover.gaps)
    }
  }

  /** Takes the refused records out of the batch. False when the run has failed. */
  private async takeOut(batch: PendingBatch, { failed }: BatchError): Promise<boolean> {
    const indexes = [...failed.keys()]
    const { records } = batch
    if (indexes.length === 0 || indexes.some(index => !(index in records))) {
      this.host.fail(
        this.failed(new RangeError(`BatchError names ${indexes.length === 0 ? 'no record' : 'records that are not in the batch'}`)),
      )
      return false
    }
    // All at once, so that quarantine can take them together.
    const standIns = await Promise.all([...failed].map(([index, error]) => this.host.refused(records[index]!, error)))
    const replaced = standIns.filter(departed => departed !== null)
    if (replaced.length < standIns.length) return false
    const rest = records.filter((_, index) => !failed.has(index))
    if (this.options.ledger) {
      // Nothing was written: the others go again, with the failures and all covers.
      batch.records = rest
      batch.others.push(...replaced)
    } else {
      // The others are durable, and the failures given in the batch with them.
      batch.records = rest
      this.written(batch, [])
      batch.records = []
      batch.others = replaced.filter(({ inBatch }) => inBatch)
      for (const { part, outcome, reason, failures, inBatch } of replaced) if (!inBatch) this.host.settled(part, outcome, reason, failures)
      this.holding -= replaced.length - batch.others.length
    }
    return true
  }

  private fence(error: FencedError, covers: readonly Cover[]): void {
    for (const { source, partition } of error.partitions) {
      const cover = covers.find(given => given.source === source && given.partition === partition)
      if (cover === undefined) return this.host.fail(this.failed(error))
      this.host.fenced(source, partition, cover.epoch)
    }
  }

  private dropRevoked(batch: PendingBatch): void {
    if (!this.host.hasRevoked()) return
    if (!batch.roots.some(isRevoked) && !batch.records.some(record => isRevoked(Envelope.partOf(record).root))) return
    const gone = batch.drop(isRevoked)
    for (const part of gone) this.host.dropped(part)
    this.holding -= gone.length
  }

  private settleCovered(batch: PendingBatch, { covers }: CoveredError): void {
    const covered = new Map<string, RangeSet | Set<string>>()
    for (const { source, partition, positions } of covers) {
      const set =
        positions.length > 0 && typeof positions[0] === 'string'
          ? new Set(positions as readonly string[])
          : RangeSet.of(positions as [number, number][])
      covered.set(JSON.stringify([source, partition]), set)
    }
    const isCovered = ({ tracker, incoming }: Root): boolean => {
      // The ledger's names: of a replay they are not those of the stream that the record is in.
      const { source, partition } = tracker as Tracker
      const set = covered.get(JSON.stringify([source, partition]))
      return set === undefined ? false : set instanceof Set ? set.has(String(incoming.position)) : set.has(incoming.position as number)
    }
    const before = batch.parts
    const outcomes = new Map<Part, Departed>(batch.others.map(departed => [departed.part, departed]))
    for (const part of batch.drop(isCovered)) {
      // A join with a record that is not covered: that one cannot be settled without its row. The run ends, and it comes again.
      if (part.others !== null && ![part.root, ...part.others].every(isCovered))
        return this.host.fail(this.failed(new RangeError('CoveredError names some records of a join and not all')))
      const departed = outcomes.get(part)
      this.host.settled(part, departed?.outcome ?? 'delivered', departed?.reason ?? null, departed?.failures ?? NO_FAILURES)
    }
    if (batch.parts === before) this.host.fail(this.failed(new RangeError('CoveredError names no position of the batch')))
    this.holding -= before - batch.parts
  }

  private async wait(error: unknown, delayMs: number): Promise<void> {
    this.host.waits(error)
    await delay(this.host.clock, delayMs, this.host.signal).catch(() => {})
    this.host.resumed()
  }

  private failed(cause: unknown): unknown {
    return cause instanceof MillraceError
      ? cause
      : new MillraceError('MILL_SINK_FAILED', { sink: this.options.sink, doing: 'write' }, { cause })
  }
}

const NO_FAILURES: readonly Failure[] = []
const noteWritten = (batch: PendingBatch): void => {
  batch.durable += batch.records.length
  batch.isWritten = true
}
const isRevoked = (root: Root): boolean => (root.tracker as Tracker).isRevoked

/** The bytes that a part adds to its batch: children of one record share its bytes, so the first counts them. */
export function weigh(part: Part): number {
  let bytes = 0
  eachRoot(part, root => {
    const { ownDetails } = root
    if (!ownDetails.isWeighed) bytes += root.bytes
    ownDetails.isWeighed = true
  })
  return bytes
}
