/** A row of 300 bytes, as the figures of Postgres write it. */
export interface SaleRow {
  readonly id: number
  readonly customer: string
  readonly email: string
  readonly product: string
  readonly quantity: number
  readonly amount: number
  readonly sold_at: string
  readonly note: string | null
}

/** Of a sale as it comes, before anything is known of it. */
export const Sale = {
  type: 'object',
  additionalProperties: false,
  required: ['id', 'customer', 'email', 'product', 'quantity', 'amount', 'sold_at', 'note'],
  properties: {
    id: { type: 'integer', minimum: 0 },
    customer: { type: 'string' },
    email: { type: 'string', pattern: '^[^@]+@[^@]+$' },
    product: { type: 'string', maxLength: 80 },
    quantity: { type: 'integer', minimum: 1 },
    amount: { type: 'number' },
    sold_at: { type: 'string' },
    note: { type: ['string', 'null'] },
  },
} as const

const NAMES = ['Ada Lovelace', 'Grace Hopper', 'Jürgen Müller', 'Chloé Dubois', 'Nikola Tesla', 'Marie Curie', '田中 美咲']
const WORDS =
  'delivered to the front desk and signed for by a neighbour who asked to be called before the next parcel comes this way again'.split(' ')

/** The sale of an index: always the same, each with its own text, about 300 bytes as JSON and 230 as a row of COPY. */
export function saleAt(id: number): SaleRow {
  const name = NAMES[id % NAMES.length]!
  const turn = (id * 31) % WORDS.length
  return {
    id,
    customer: `${name} ${id % 9_973}`,
    email: `customer.${(id * 7_919) % 1_000_003}@mail.example.com`,
    product: `article ${(id * 104_729) % 50_021} of the ${WORDS[turn]} series`,
    quantity: 1 + (id % 9),
    amount: ((id * 2_654_435_761) % 1_000_000) / 100,
    sold_at: new Date(1_700_000_000_000 + id * 61_000).toISOString(),
    note: id % 50 === 0 ? null : `${WORDS.slice(turn).join(' ')} ${WORDS.slice(0, turn).join(' ')}`.slice(0, 100),
  }
}
