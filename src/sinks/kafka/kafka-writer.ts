import type { Envelope } from '../../core/envelope.js'
import { isMillraceError } from '../../core/errors.js'
import { type Batch, BatchError } from '../../core/sink.js'
import type { OutgoingMessage, Producer } from '../../drivers/kafka/driver.js'
import { type MessageMapping, outgoingOf } from './outgoing.js'
import type { Topics } from './topics.js'

/** An open sink on a cluster: makes each message once, when the record is checked. */
export class KafkaWriter<T> {
  private readonly made = new WeakMap<Envelope<T>, OutgoingMessage>()

  constructor(
    private readonly producer: Producer,
    private readonly topics: Topics,
    private readonly mapping: MessageMapping<T>,
  ) {}

  check(record: Envelope<T>): unknown {
    try {
      this.made.set(record, outgoingOf(record, this.mapping))
      return undefined
    } catch (error) {
      return error ?? new TypeError('a function of the sink threw nothing')
    }
  }

  async write({ records }: Batch<T>, signal: AbortSignal): Promise<void> {
    signal.throwIfAborted()
    const failed = new Map<number, unknown>()
    const messages: OutgoingMessage[] = []
    const indexes: number[] = []
    for (const [index, record] of records.entries()) {
      const message = this.made.get(record) ?? this.checked(record, index, failed)
      if (message === undefined) continue
      messages.push(message)
      indexes.push(index)
    }
    await unlessAborted(this.send(messages, indexes, failed), signal)
    if (failed.size > 0) throw new BatchError(failed)
  }

  private checked(record: Envelope<T>, index: number, failed: Map<number, unknown>): OutgoingMessage | undefined {
    const error = this.check(record)
    if (error !== undefined) failed.set(index, error)
    return this.made.get(record)
  }

  private async send(messages: readonly OutgoingMessage[], indexes: readonly number[], failed: Map<number, unknown>): Promise<void> {
    for (let at = await this.admitted(messages, indexes, failed); at.messages.length > 0; ) {
      try {
        return await this.producer.send(at.messages)
      } catch (error) {
        if (!isMillraceError(error, 'MILL_MESSAGE_TOO_LARGE')) throw error
        // Those before it are durable; those behind it go on without it.
        const { index } = error.details as { readonly index: number }
        failed.set(at.indexes[index]!, error)
        at = { messages: at.messages.slice(index + 1), indexes: at.indexes.slice(index + 1) }
      }
    }
  }

  /** The messages whose topic and partition there are. The broker would refuse the others together with their neighbours. */
  private async admitted(messages: readonly OutgoingMessage[], indexes: readonly number[], failed: Map<number, unknown>) {
    const { topics } = this
    if (messages.every(message => topics.knows(message))) return { messages, indexes }
    const refusals = new Map<string, unknown>()
    for (const message of messages) {
      const place = placeOf(message)
      if (!topics.knows(message) && !refusals.has(place)) refusals.set(place, await topics.refusalOf(message))
    }
    const good: { messages: OutgoingMessage[]; indexes: number[] } = { messages: [], indexes: [] }
    for (const [i, message] of messages.entries()) {
      const refusal = topics.knows(message) ? undefined : refusals.get(placeOf(message))
      if (refusal !== undefined) failed.set(indexes[i]!, refusal)
      else {
        good.messages.push(message)
        good.indexes.push(indexes[i]!)
      }
    }
    return good
  }
}

const placeOf = ({ topic, partition }: OutgoingMessage): string => `${topic}/${partition ?? ''}`

/** What `work` gives, or a throw as soon as the signal is aborted. The work goes on, and nobody waits for it but the producer's close. */
function unlessAborted<T>(work: Promise<T>, signal: AbortSignal): Promise<T> {
  return new Promise((resolve, reject) => {
    const onAbort = () => reject(signal.reason)
    signal.addEventListener('abort', onAbort, { once: true })
    work.then(resolve, reject).finally(() => signal.removeEventListener('abort', onAbort))
  })
}
