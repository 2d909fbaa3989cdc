import type { Incoming } from '../core/source.js'
import type { FetchedBatch, FetchedMessage } from '../drivers/kafka/driver.js'
import type { Awaited, KafkaPartition } from './kafka-partition.js'

/** A batch whose messages wait to be read. */
export class HeldBatch implements Awaited {
  /** The next message. */
  at: number
  /** All messages were read. */
  isTaken = false
  /** It is no longer in the queue, read or not. */
  isOver = false
  private wake: (() => void) | null = null

  constructor(
    readonly partition: KafkaPartition,
    readonly batch: FetchedBatch,
    from: number,
  ) {
    this.at = from
  }

  onEnd(fn: (() => void) | null): void {
    this.wake = fn
  }

  end(): void {
    this.isOver = true
    this.wake?.()
  }
}

/** Batches of several partitions, read by turns, so that a partition with much to read does not keep the others waiting. */
export class FairQueue {
  private held: HeldBatch[] = []
  private turn = 0
  private waiting: (() => void) | null = null

  get size(): number {
    return this.held.length
  }

  /** Puts what is not read yet of the batch into the queue; null where there is nothing. */
  add(partition: KafkaPartition, batch: FetchedBatch): HeldBatch | null {
    const { messages } = batch
    let from = 0
    while (from < messages.length && messages[from]!.offset < partition.next) from++
    if (from === messages.length) return null
    const held = new HeldBatch(partition, batch, from)
    this.held.push(held)
    this.wake()
    return held
  }

  /** Lets go of a batch; what is not read of it stays unread. */
  remove(held: HeldBatch): void {
    const at = this.held.indexOf(held)
    if (at < 0) return
    this.held.splice(at, 1)
    if (at < this.turn) this.turn--
  }

  /** Lets go of all batches, or of those of some partitions. */
  release(isMeant: (partition: KafkaPartition) => boolean = () => true): void {
    for (const held of [...this.held]) {
      if (!isMeant(held.partition)) continue
      this.remove(held)
      held.end()
    }
  }

  /** At most `records` and about `bytes`, and at least one record where there is any. Partitions come by turns, each with its share in a row. */
  take(limit: { readonly records: number; readonly bytes: number }): Incoming<Uint8Array | null>[] {
    const taken: Incoming<Uint8Array | null>[] = []
    let { bytes } = limit
    const share = Math.max(1, Math.ceil(limit.records / Math.max(1, this.held.length)))
    const bytesShare = Math.max(1, bytes / Math.max(1, this.held.length))
    while (this.held.length > 0 && taken.length < limit.records) {
      if (this.turn >= this.held.length) this.turn = 0
      const held = this.held[this.turn]!
      const before = taken.length
      bytes -= this.takeOf(held, taken, Math.min(limit.records, before + share), bytes, bytesShare)
      if (held.isTaken) {
        this.held.splice(this.turn, 1)
        held.end()
      } else this.turn++
      // The next in turn is larger than what is left.
      if (taken.length === before) break
    }
    return taken
  }

  /** Resolves when there may be something to read, or when it is woken. */
  filled(): Promise<void> {
    return new Promise(resolve => {
      this.waiting = resolve
    })
  }

  wake(): void {
    const { waiting } = this
    this.waiting = null
    waiting?.()
  }

  /** Takes of one batch until there are `most` in all, or its share of bytes is used up; gives the bytes taken. */
  private takeOf(held: HeldBatch, taken: Incoming<Uint8Array | null>[], most: number, bytesLeft: number, bytesShare: number): number {
    const { partition, batch } = held
    const { messages } = batch
    let bytes = 0
    while (held.at < messages.length && taken.length < most && bytes < bytesShare) {
      const incoming = incomingOf(messages[held.at]!, partition.name)
      // One record goes in any case: a larger one than there is room for would never come.
      if (taken.length > 0 && bytes + incoming.bytes! > bytesLeft) break
      bytes += incoming.bytes!
      taken.push(incoming)
      held.at++
      partition.next = (incoming.position as number) + 1
    }
    held.isTaken = held.at === messages.length
    return bytes
  }
}

function incomingOf(message: FetchedMessage, partition: string): Incoming<Uint8Array | null> {
  const { value, offset, key, headers, timestamp } = message
  let bytes = (value === null ? 0 : value.byteLength) + (key === null ? 0 : key.byteLength)
  for (let i = 0; i < headers.length; i++) bytes += headers[i]![0].length + headers[i]![1].byteLength
  const incoming = { value, position: offset, partition, key, headers, timestamp, bytes }
  return message.fault === undefined ? incoming : { ...incoming, fault: message.fault }
}
