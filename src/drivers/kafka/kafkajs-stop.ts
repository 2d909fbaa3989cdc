/** What of a broker of kafkajs is needed to end a fetch. */
export interface FetchingBroker {
  readonly connectionPool: {
    getConnection(index: number): Promise<unknown>
    readonly pool: readonly { rejectRequests(error: Error): void }[]
  }
  fetch(request: object): Promise<object>
}

/** What of a cluster of kafkajs leads to its brokers. */
export interface BrokersCluster {
  findBroker(which: object): Promise<FetchingBroker>
}

/** Fetches have a connection of their own in each broker's pool. */
const FETCHING = 1
const nothing = Object.freeze({ responses: [] })

/**
 * Lets a consumer that is told to stop not wait for what it fetches: the broker holds such a request for up to `maxWaitMs`. Gives the function by which a
 * cluster is named whose fetches end with a signal; those of other clusters are left alone.
 */
export function stoppableFetches(prototype: FetchingBroker): (cluster: BrokersCluster, stopping: AbortSignal) => void {
  const signals = new WeakMap<FetchingBroker, AbortSignal>()
  const fetch = prototype.fetch
  prototype.fetch = async function (this: FetchingBroker, request) {
    const stopping = signals.get(this)
    if (stopping === undefined) return fetch.call(this, request)
    // Before, not within: a connection that is being made when the others are closed would stay.
    await this.connectionPool.getConnection(FETCHING)
    if (stopping.aborted) return nothing
    const onStop = () => this.connectionPool.pool[FETCHING]!.rejectRequests(new Error('the consumer is being stopped'))
    stopping.addEventListener('abort', onStop, { once: true })
    try {
      return await fetch.call(this, request)
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
