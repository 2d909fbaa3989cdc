/** What a worker is told, as JSON in MILLRACE_CHAOS. */
export interface Task {
  readonly brokers: readonly string[]
  readonly topic: string
  readonly groupId: string
  /** Of the database. */
  readonly connection: string
  readonly ledger: boolean
  /** Its number, from 1: rows say which member wrote them. */
  readonly member: number
  /** Of the sink. Batches of two writes may come into the table in either order; of one, a key's rows come in its order. */
  readonly maxConcurrentWrites: number
  /** Where it kills itself, the `after`th time (from 1) that it comes there. */
  readonly killAt?: { readonly point: Point; readonly after: number }
  /** Its first record stays with the handler until it is stopped, and the sink's timer is 15 minutes: all that it reads, it holds. */
  readonly isHolding?: boolean
}

/** Where a member is killed by itself, through what is around its parts. */
export const ownPoints = [
  'assigned',
  'read',
  'handled',
  'before the write',
  'after the write',
  'before the commit to the source',
  'after the commit to the source',
  'revoked',
  'draining',
] as const
export type Point = (typeof ownPoints)[number]

/** How much of its records a worker holds at most. */
export const MAX_IN_FLIGHT = 1_000

/** What it settles and has not committed, at most: it commits every second, and takes little more than is produced. */
export const MAX_UNCOMMITTED = 2_000

/** What a worker says first: from here on SIGTERM stops its run. */
export const LISTENING = 'listening'

/** What a worker says of itself several times a second, as a line of JSON. */
export interface Report {
  readonly inFlight: number
  readonly inFlightBytes: number
  /** Memory in use, bytes. */
  readonly rss: number
}
