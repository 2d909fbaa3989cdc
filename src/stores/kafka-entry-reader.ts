import { randomUUID } from 'node:crypto'
import { exponentialBackoff } from '../core/backoff.js'
import { type Clock, delay } from '../core/clock.js'
import { isMillraceError } from '../core/errors.js'
import { isRetryable } from '../core/retryable.js'
import type { Admin, FetchedMessage, KafkaDriver, OffsetRange } from '../drivers/kafka/driver.js'
import { readRange } from '../drivers/kafka/read-range.js'
import { KafkaEntryIndex } from './kafka-entry-index.js'

/** Where the entries are, and as whom they are read. */
export interface EntryTopic {
  readonly topic: string
  readonly partition: number
  readonly groupPrefix: string
  /** A topic that is missing is empty. */
  readonly create: boolean
}

/** How long reading is tried again while the cluster cannot be reached. ms. */
const PATIENCE_MS = 30_000

/** Reads a quarantine's topic, from its beginning to what is its end now. */
export class KafkaEntryReader {
  constructor(
    private readonly driver: KafkaDriver,
    private readonly at: EntryTopic,
    private readonly clock: Clock,
  ) {}

  /**
   * What is there now, and the entries themselves where they are no more than `keepBytes`.
   *
   * @throws {MillraceError} `MILL_KAFKA_AWAY` after 30 s in which nothing could be read.
   */
  async index(keepBytes: number): Promise<{ readonly index: KafkaEntryIndex; readonly range: OffsetRange }> {
    const range = await this.patiently(() => this.range())
    const index = new KafkaEntryIndex(keepBytes)
    for await (const messages of this.read(range)) for (const message of messages) index.add(message)
    return { index, range }
  }

  /** The messages in order. Goes on where it was when the cluster was away meanwhile. */
  async *read({ low, high }: OffsetRange): AsyncGenerator<readonly FetchedMessage[]> {
    const { topic, partition, groupPrefix } = this.at
    const patience = new Patience(this.clock)
    for (let from = low; ; ) {
      try {
        for await (const messages of readRange(this.driver, { topic, partition, from, to: high }, `${groupPrefix}-${randomUUID()}`)) {
          yield messages
          from = messages.at(-1)!.offset + 1
          patience.renew()
        }
        return
      } catch (error) {
        await patience.wait(error)
      }
    }
  }

  private async patiently<T>(ask: () => Promise<T>): Promise<T> {
    const patience = new Patience(this.clock)
    for (;;) {
      try {
        return await ask()
      } catch (error) {
        await patience.wait(error)
      }
    }
  }

  private async range(): Promise<OffsetRange> {
    const { topic, partition, create } = this.at
    let admin: Admin | undefined
    try {
      admin = await this.driver.openAdmin()
      return (await admin.ranges(topic)).find(range => range.partition === partition)!
    } catch (error) {
      if (create && isMillraceError(error, 'MILL_TOPIC_UNKNOWN')) return { partition, low: 0, high: 0 }
      throw error
    } finally {
      await admin?.close()
    }
  }
}

/** Waits longer each time, until nothing has come for {@link PATIENCE_MS}. */
class Patience {
  private backoff = exponentialBackoff()
  private until: number | undefined

  constructor(private readonly clock: Clock) {}

  renew(): void {
    this.backoff = exponentialBackoff()
    this.until = undefined
  }

  /** Throws the error where waiting does not help, or has not helped. */
  async wait(error: unknown): Promise<void> {
    const now = this.clock.now()
    this.until ??= now + PATIENCE_MS
    if (!isRetryable(error) || now >= this.until) throw error
    const { delayMs } = this.backoff
    this.backoff = this.backoff.next()
    await delay(this.clock, delayMs)
  }
}
