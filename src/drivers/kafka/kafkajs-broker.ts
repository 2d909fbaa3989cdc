import type { FetchAsked, FetchDecoder } from './kafkajs-fetch.js'

/** A request of kafkajs, and how its answer is read. */
export interface Exchange {
  readonly request: { readonly apiVersion: number; readonly encode: () => Promise<object> }
  readonly response: { readonly decode: (bytes: Buffer) => Promise<object>; readonly parse: (decoded: object) => Promise<object> }
}
type Lookup = (apiKey: number, definition: object) => (asked: object) => Exchange

/** What of a broker of kafkajs each request goes through. */
export interface LookingUp {
  readonly lookupRequest: Lookup
}

/** What of a broker of kafkajs a fetch goes through. */
export interface FetchingBroker extends LookingUp {
  readonly connectionPool: {
    getConnection(index: number): Promise<unknown>
    readonly pool: readonly { rejectRequests(error: Error): void }[]
  }
  fetch(request: FetchAsked): Promise<object>
}

/** What of a cluster of kafkajs leads to its brokers. */
export interface BrokersCluster {
  findBroker(which: object): Promise<FetchingBroker>
}

/** Fetches have a connection of their own in each broker's pool. */
const FETCHING = 1
/** Of the request whose answers are read; a broker before 2.3 knows only earlier ones. */
const FETCH_VERSION = 11
const nothing = Object.freeze({ responses: [] })

/**
 * Makes the fetches of single clusters our own: their answers are read by `decoders`, and they end with a signal, for the broker holds such a request for
 * up to `maxWaitMs`. Gives the function that names a cluster; what else uses kafkajs in this process is left alone.
 */
export function ownFetches(
  prototype: FetchingBroker,
  decoders: (asked: FetchAsked) => FetchDecoder,
): (cluster: BrokersCluster, stopping: AbortSignal) => void {
  const signals = new WeakMap<FetchingBroker, AbortSignal>()
  const fetch = prototype.fetch
  prototype.fetch = async function (this: FetchingBroker, asked) {
    const stopping = signals.get(this)
    if (stopping === undefined) return fetch.call(this, asked)
    // Before, not within: a connection that is being made when the others are closed would stay.
    await this.connectionPool.getConnection(FETCHING)
    if (stopping.aborted) return nothing
    const onStop = () => this.connectionPool.pool[FETCHING]!.rejectRequests(new Error('the consumer is being stopped'))
    stopping.addEventListener('abort', onStop, { once: true })
    try {
      const decode = decoders(asked)
      return await fetch.call(
        exchanging(this, exchange => reading(exchange, decode)),
        asked,
      )
    } catch (error) {
      if (stopping.aborted) return nothing
      throw error
    } finally {
      stopping.removeEventListener('abort', onStop)
    }
  }
  return (cluster, stopping) => {
    const findBroker = cluster.findBroker
    cluster.findBroker = async function (which) {
      const broker = await findBroker.call(this, which)
      signals.set(broker, stopping)
      return broker
    }
  }
}

/** The broker, but for what its next request looks like, or how its answer is read. */
export function exchanging<B extends LookingUp>(broker: B, change: (exchange: Exchange) => Exchange): B {
  const lookupRequest: Lookup = (apiKey, definition) => {
    const exchangeOf = broker.lookupRequest(apiKey, definition)
    return asked => change(exchangeOf(asked))
  }
  return Object.create(broker, { lookupRequest: { value: lookupRequest } })
}

function reading(exchange: Exchange, decode: FetchDecoder): Exchange {
  return exchange.request.apiVersion === FETCH_VERSION ? { ...exchange, response: { ...exchange.response, decode } } : exchange
}
