import { seededRandom } from '../../harness/random.js'

// What the records are, and what must become of each of them: from seed and number alone, so that every run comes to the same.

/** A record: it has parts, and each part becomes a row unless something is wrong with it. */
export interface Order {
  readonly n: number
  readonly partition: string
  readonly key: string | null
  readonly fate: Fate
  readonly parts: readonly OrderPart[]
}

export interface OrderPart {
  readonly n: number
  readonly part: number
  readonly fate: Fate
}

/** `refused`: by the sink when it writes; `unfit`: by its check before. */
export type Fate = 'good' | 'skipped' | 'failed' | 'refused' | 'unfit'

export interface Shape {
  readonly records: number
  readonly partitions: number
  readonly keys: number
  readonly maxParts: number
  /** How many of the records and of their parts are not good, 0 to 1. */
  readonly bad: number
  /** What may befall a part. */
  readonly fates: readonly Fate[]
}

export function ordersOf(seed: number, { records, partitions, keys, maxParts, bad, fates }: Shape): Order[] {
  const random = seededRandom(seed)
  const upTo = (max: number) => Math.floor(random() * (max + 1))
  const fate = (of: readonly Fate[]): Fate => (random() < bad ? of[upTo(of.length - 1)]! : 'good')
  return Array.from({ length: records }, (_, n) => {
    const key = upTo(keys)
    return {
      n,
      partition: `p${upTo(partitions - 1)}`,
      key: key === keys ? null : `k${key}`,
      fate: fate(['skipped', 'failed']),
      parts: Array.from({ length: upTo(maxParts) }, (_, part) => ({ n, part, fate: fate(fates) })),
    }
  })
}

export const rowName = ({ n, part }: Pick<OrderPart, 'n' | 'part'>): string => `${n}#${part}`

/** The rows that must be there in the end. */
export function expectedRows(orders: readonly Order[]): string[] {
  return goodParts(orders)
    .filter(({ fate }) => fate === 'good')
    .map(rowName)
}

/** The entries that quarantine must hold in the end, as `n` or `n#part`, with the stage. */
export function expectedFailures(orders: readonly Order[]): string[] {
  const ofRecords = orders.filter(({ fate }) => fate === 'failed').map(({ n }) => `${n} handle`)
  const ofParts = goodParts(orders).flatMap(part => {
    if (part.fate === 'failed') return [`${rowName(part)} handle`]
    return part.fate === 'refused' || part.fate === 'unfit' ? [`${rowName(part)} write`] : []
  })
  return [...ofRecords, ...ofParts]
}

function goodParts(orders: readonly Order[]): OrderPart[] {
  return orders.filter(({ fate }) => fate === 'good').flatMap(({ parts }) => parts)
}
