import {
  type Clock,
  type Incoming,
  MillraceError,
  memoryPositions,
  option,
  type Positions,
  type PositionsSession,
  type Prefix,
  resolveOptions,
  type Source,
  type SourceContext,
  type SourceSession,
  systemClock,
} from 'millrace'
import { type FeedEvent, readFeed } from './feed.js'

/** Options of {@link feedSource}. Every option has a sentence, its unit and its default. */
export interface FeedSourceOptions {
  /** The feed's address: it answers `GET url?after=7&limit=100` with `{ events: [{ id, key, at, body }, …] }`, ids growing. */
  readonly url: string
  /** How long to wait before asking again when there is nothing new, in ms. Default 1,000. */
  readonly pollMs?: number
  /** Where it goes on after a restart, when the sink keeps no ledger. Default: in memory, so a new process reads from the start. */
  readonly positions?: Positions
  /** Ends at the last event there is, instead of waiting for more. Default false. */
  readonly once?: boolean
  /** Default: the machine's time. */
  readonly clock?: Clock
}

/** The feed is one log, so it is one partition. */
const PARTITION = '0'

/**
 * Reads events from a feed over HTTP, in the order of their ids, and waits for more.
 *
 * This is the source to copy: docs/components.md says what each member must do. A position is an event's id: it is the same whenever the event is
 * read, it grows, and reading goes on at any of them.
 *
 * @throws {MillraceError} `MILL_OPTION_INVALID` or `MILL_OPTION_UNKNOWN` at definition.
 */
export function feedSource(options: FeedSourceOptions): Source {
  // Options are checked here, at definition; nothing is opened before `open`.
  const resolved = resolveOptions<Required<FeedSourceOptions>>('feedSource', options, {
    url: option.text(),
    pollMs: option.wholeNumber(1, { default: 1_000 }),
    positions: option.object('a store of positions', { default: memoryPositions() }),
    once: option.boolean({ default: false }),
    clock: option.object('a clock', { default: systemClock }),
  })
  return {
    // A noun: what it reads from.
    name: 'feed',
    commits: 'prefix',
    async open(context) {
      // With a ledger in the sink nobody else needs to remember anything.
      const positions = context.ledger ? null : await resolved.positions.open({ pipeline: context.pipeline })
      const from = positions === null ? (await context.assigned(PARTITION)).from : (await positions.read(context.source, PARTITION))?.next
      return new FeedSession(resolved, context, positions, from ?? 0)
    },
  }
}

class FeedSession implements SourceSession<Uint8Array, Prefix> {
  private isClosed = false

  constructor(
    private readonly options: Required<FeedSourceOptions>,
    private readonly context: SourceContext,
    private readonly positions: PositionsSession | null,
    /** The first id that has not been given. */
    private next: number,
  ) {}

  /**
   * Gives at least one record, waits while there is none, and null only at the end for good. The run asks again only when it has room, so nothing
   * is read ahead.
   */
  async read(limit: { readonly records: number }, signal: AbortSignal): Promise<readonly Incoming<Uint8Array>[] | null> {
    for (;;) {
      // Throws when aborted, before anything is taken: `next` has not moved, so nothing is lost.
      signal.throwIfAborted()
      const events = await this.ask(limit.records, signal)
      if (events.length > 0) {
        this.next = events.at(-1)!.id + 1
        return events.map(incomingOf)
      }
      if (this.options.once) return null
      await pause(this.options.clock, this.options.pollMs, signal)
    }
  }

  /** All before `next` is settled. Called one at a time; what it has resolved for is remembered. */
  async commit(done: readonly Prefix[]): Promise<void> {
    const { context } = this
    await this.positions?.write(done.map(({ partition, next }) => ({ source: context.source, partition, next, mark: null })))
  }

  /** May be called twice. */
  async close(): Promise<void> {
    if (this.isClosed) return
    this.isClosed = true
    await this.positions?.close?.()
  }

  private async ask(limit: number, signal: AbortSignal): Promise<readonly FeedEvent[]> {
    try {
      return await readFeed(this.options.url, this.next - 1, limit, signal)
    } catch (cause) {
      signal.throwIfAborted()
      // The run waits with back-off while an error says that waiting may help, and goes on by itself.
      const { retryable = true } = cause as { retryable?: boolean }
      throw new MillraceError('MILL_SOURCE_FAILED', { source: this.context.source, doing: 'read' }, { cause, retryable })
    }
  }
}

/** Bytes as they are: a source never parses, so no content can make it lose a record. */
function incomingOf({ id, key, at, body }: FeedEvent): Incoming<Uint8Array> {
  return { value: body, position: id, key, timestamp: at }
}

/** Waits for the next poll without a timer of its own kind, and lets go at once when aborted. */
function pause(clock: Clock, ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    const onAbort = () => {
      cancel()
      reject(signal.reason)
    }
    const cancel = clock.after(ms, () => {
      signal.removeEventListener('abort', onAbort)
      resolve()
    })
    signal.addEventListener('abort', onAbort, { once: true })
  })
}
