import type { OutgoingMessage } from './driver.js'
import { type Exchange, exchanging, type LookingUp } from './kafkajs-broker.js'
import { murmur2 } from './murmur2.js'
import { type ProduceAsked, produceRequest } from './produce-request.js'

/** What kafkajs knows of the partitions of a topic. */
export interface PartitionMetadata {
  readonly partitionId: number
  /** Below zero: none at the moment. */
  readonly leader: number
}

/** Which partition a message goes to that names none. */
export type Pick = (message: OutgoingMessage, partitions: readonly PartitionMetadata[]) => number

/** What of a broker of kafkajs a produce request goes through. */
export interface ProducingBroker extends LookingUp {
  produce(asked: ProduceAsked): Promise<object>
}

/** The groups of messages that were made here: their requests are written here, too. */
const ours = new WeakSet<object>()
/** Whatever it is of a message that kafkajs hands to a partitioner. */
const probe = Object.freeze({ value: null })

/**
 * The messages of one topic, where kafkajs takes an array of them. It only asks it to be reduced to groups by partition, by a function that copies the
 * group for each message; ours is given all at once, and once: at a second attempt a message may not go elsewhere under the number of another.
 */
export class TopicMessages {
  private groups: Readonly<Record<number, OutgoingMessage[]>> | undefined

  constructor(
    readonly topic: string,
    private readonly messages: readonly OutgoingMessage[],
    private readonly pick: Pick,
  ) {}

  /** Of messages that hold nothing: there are none. */
  find(): undefined {
    return undefined
  }

  /** @param group - kafkajs's own, which knows the topic's partitions: it asks {@link partitionsFor}. */
  reduce(group: (groups: object, message: object) => object): Readonly<Record<number, OutgoingMessage[]>> {
    if (this.groups === undefined) {
      const partitions = partitionsFor(() => group({}, probe))
      this.groups = grouped(this.messages, message => message.partition ?? this.pick(message, partitions))
    }
    return this.groups
  }
}

function grouped(
  messages: readonly OutgoingMessage[],
  partitionOf: (message: OutgoingMessage) => number,
): Record<number, OutgoingMessage[]> {
  const groups: Record<number, OutgoingMessage[]> = {}
  for (let i = 0; i < messages.length; i++) {
    const message = messages[i]!
    const partition = partitionOf(message)
    const group = groups[partition]
    if (group === undefined) groups[partition] = [message]
    else group.push(message)
  }
  for (const group of Object.values(groups)) ours.add(group)
  return groups
}

let told: readonly PartitionMetadata[] = []

/** kafkajs's partitioner, which is asked synchronously and tells us of the partitions. */
export const tellPartitions = ({ partitionMetadata }: { readonly partitionMetadata: readonly PartitionMetadata[] }): number => {
  told = partitionMetadata
  return 0
}

function partitionsFor(ask: () => void): readonly PartitionMetadata[] {
  ask()
  const partitions = told
  told = []
  return partitions
}

/** As Java's clients did before they filled one partition after the other: murmur2 of the key; where there is none, by turns. */
export function byKeyOrTurn(): Pick {
  const turns = new Map<string, number>()
  return ({ topic, key }, partitions) => {
    if (key !== null) return (murmur2(key) & 0x7fff_ffff) % partitions.length
    const turn = (turns.get(topic) ?? Math.floor(Math.random() * 0xffff)) + 1
    turns.set(topic, turn)
    const available = partitions.filter(({ leader }) => leader >= 0)
    const from = available.length > 0 ? available : partitions
    return from[turn % from.length]!.partitionId
  }
}

/**
 * Writes the requests for {@link TopicMessages} ourselves: kafkajs loses the order of headers of unlike names, and makes an object for each number that it
 * writes (kafka.produce). What others produce by kafkajs in this process is left alone.
 */
export function ownProduces(prototype: ProducingBroker): void {
  const produce = prototype.produce
  prototype.produce = function (this: ProducingBroker, asked) {
    const isOurs = asked.topicData.every(({ partitions }) => partitions.every(({ messages }) => ours.has(messages)))
    return isOurs
      ? produce.call(
          exchanging(this, exchange => writing(exchange, asked)),
          asked,
        )
      : produce.call(this, asked)
  }
}

function writing(exchange: Exchange, asked: ProduceAsked): Exchange {
  const encode = async () => {
    const buffer = await produceRequest(asked)
    // What kafkajs asks an Encoder for.
    return { buffer, buf: buffer }
  }
  return { ...exchange, request: { ...exchange.request, encode } }
}
