import { table } from 'millrace'

/** A row as the figures of Postgres write it: about 300 bytes of COPY text. */
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

/** Where they are written: made once a figure, with its primary key, by the text beside it. */
export const sales = table(
  'sales',
  c => ({
    id: c.bigint(),
    customer: c.text(),
    email: c.text(),
    product: c.varchar(80),
    quantity: c.integer(),
    amount: c.double(),
    sold_at: c.timestamptz(),
    note: c.text().nullable(),
  }),
  { key: ['id'] },
)

/** The table in SQL, with a constraint that only the server knows. */
export const createSales = `create table sales (id bigint primary key, customer text not null, email text not null, product varchar(80) not null,
  quantity integer not null, amount double precision not null, sold_at timestamptz not null, note text, check (quantity > 0))`

/** A sale as it must be before it becomes a row. */
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

/** What the main job does to a sale. */
export const cleaned = (sale: SaleRow): SaleRow => ({ ...sale, customer: sale.customer.trim(), email: sale.email.toLowerCase() })

const NAMES = ['Ada Lovelace', 'Grace Hopper', 'Jürgen Müller', 'Chloé Dubois', 'Nikola Tesla', 'Marie Curie', '田中 美咲']
const WORDS =
  'delivered to the front desk and signed for by a neighbour who asked to be called before the next parcel comes this way again or else by mail'.split(
    ' ',
  )

/** Different sales, each made once, for making its texts costs more than writing them; and when first asked for, for they are 5 MB to hold. */
const models: (SaleRow | undefined)[] = new Array(5_000).fill(undefined)

/** The sale of an index: always the same, with an id of its own. */
export function saleAt(id: number): SaleRow {
  const at = id % models.length
  models[at] ??= model(at)
  const { customer, email, product, quantity, amount, sold_at, note } = models[at]
  return { id, customer, email, product, quantity, amount, sold_at, note }
}

function model(i: number): SaleRow {
  const turn = (i * 31) % WORDS.length
  const text = [...WORDS.slice(turn), ...WORDS.slice(0, turn)].join(' ')
  return {
    id: i,
    customer: `${NAMES[i % NAMES.length]!} ${i % 9_973}`,
    email: `customer.${(i * 7_919) % 1_000_003}@mail.example.com`,
    product: `article ${(i * 104_729) % 50_021} of the ${WORDS[turn]} series`,
    quantity: 1 + (i % 9),
    amount: ((i * 2_654_435_761) % 1_000_000) / 100,
    sold_at: new Date(1_700_000_000_000 + i * 61_000).toISOString(),
    note: i % 50 === 0 ? null : `${text} ${text}`.slice(0, 160),
  }
}

/** The sale in COPY's text format. None of its texts needs an escape. */
export const copyLine = ({ id, customer, email, product, quantity, amount, sold_at, note }: SaleRow): string =>
  `${id}\t${customer}\t${email}\t${product}\t${quantity}\t${amount}\t${sold_at}\t${note ?? '\\N'}\n`

/** The sale as it comes in a file. */
export const jsonLine = (sale: SaleRow): string => `${JSON.stringify(sale)}\n`
