import type { KafkaMessage } from 'kafkajs'
import type { FetchedMessage } from './driver.js'

const noBytes = new Uint8Array(0)
const noHeaders: FetchedMessage['headers'] = Object.freeze([])

/** A message as kafkajs reads it: of brokers before 2.3, and of message sets from before Kafka 0.11. */
export function fetchedMessage({ offset, timestamp, key, value, headers }: KafkaMessage): FetchedMessage {
  return { offset: Number(offset), timestamp: Number(timestamp), key, value, headers: headers === undefined ? noHeaders : pairsOf(headers) }
}

/** kafkajs gives the values of a name that repeats as an array: repeats keep their order, names stand where they first stood. */
function pairsOf(headers: NonNullable<KafkaMessage['headers']>): FetchedMessage['headers'] {
  const names = Object.keys(headers)
  if (names.length === 0) return noHeaders
  const pairs: (readonly [string, Uint8Array])[] = []
  for (const name of names) {
    const value = headers[name] as Buffer | readonly Buffer[] | null | undefined
    if (Array.isArray(value)) for (const one of value as readonly Buffer[]) pairs.push([name, one ?? noBytes])
    else pairs.push([name, (value as Buffer | null | undefined) ?? noBytes])
  }
  return pairs
}
