/** What the engine's figures move. */
export interface Order {
  readonly id: number
  readonly amount: number
  readonly region: string
}

const REGIONS = ['north', 'east', 'south', 'west']

/** A thousand different orders: enough that no run works on one object alone, few enough to stay in the caches. */
export const orders: readonly Order[] = Array.from({ length: 1_000 }, (_, id) => ({
  id,
  amount: 1 + ((id * 7_919) % 10_000) / 100,
  region: REGIONS[id % REGIONS.length]!,
}))

/** The order of an index. */
export const orderAt = (index: number): Order => orders[index % orders.length]!

/** An order with its amount in cents. */
export interface Cents {
  readonly id: number
  readonly cents: number
  readonly region: string
}

// The four steps of engine.sync, the same functions on both sides: cheap ones, so that what is around them shows.
export const toCents = ({ id, amount, region }: Order): Cents => ({ id, cents: Math.round(amount * 100), region })
export const isLarge = ({ cents }: Cents): boolean => cents >= 100
export const withFee = ({ id, cents, region }: Cents) => ({ id, cents, region, fee: region === 'north' ? 2 : 1 })
export const toTotal = ({ id, cents, fee }: { readonly id: number; readonly cents: number; readonly fee: number }) => ({
  id,
  total: cents + fee,
})
