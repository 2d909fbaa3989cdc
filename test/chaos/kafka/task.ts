/** What a worker is told, as JSON in MILLRACE_CHAOS. */
export interface Task {
  readonly brokers: readonly string[]
  readonly topic: string
  readonly groupId: string
  /** Of the database. */
  readonly connection: string
  readonly ledger: boolean
  /** Of the sink. Batches of two writes may come into the table in either order; of one, a key's rows come in its order. */
  readonly maxConcurrentWrites: number
}

/** How much of its records a worker holds at most. */
export const MAX_IN_FLIGHT = 1_000

/** What a worker says first: from here on SIGTERM stops its run. */
export const LISTENING = 'listening'

/** What a worker says of itself several times a second, as a line of JSON. */
export interface Report {
  readonly inFlight: number
  /** Memory in use, bytes. */
  readonly rss: number
}
